package rules

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// hosts are logs of different hosts, and how many events of each are stored.
type hosts struct {
	t        *testing.T
	w        *world
	logs     []*log
	from, to []int
}

// Scan implements History over the events numbered from up to to of each log, by time.
func (h hosts) Scan(_ context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	type at struct{ log, i int }
	var all []at
	for l := range h.logs {
		for i := h.from[l]; i < h.to[l]; i++ {
			all = append(all, at{l, i})
		}
	}
	slices.SortStableFunc(all, func(a, b at) int { return cmp.Compare(h.logs[a.log].said[a.i].at, h.logs[b.log].said[b.i].at) })
	m, err := query.Compile(e)
	if err != nil {
		return err
	}
	for _, a := range all {
		p := h.logs[a.log].pageOf(h.t, h.w.schema, a.i, a.i+1)
		var bits event.Bits
		if m.Match(p, &bits); bits.Has(0) && during.Contains(p.Time(0)) {
			if err := f(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// gathered returns what is found of logs that hosts store each with a lag of its own, up to 8 s, of which the engine is told
// every 2 s. Before each round whose number is in kills another engine takes over.
func gathered(t *testing.T, logs []*log, rules []Rule, lags []float64, kills func(round int) bool) (found []string) {
	t.Helper()
	begin := func(now time.Time) *world {
		w := newWorld(t, 10*time.Second, slices.Clone(rules)...)
		w.now = now
		return w
	}
	w := begin(base)
	ctx := context.Background()
	stored := make([]int, len(logs))
	judged, newest, fired := int64(0), int64(0), []Fired(nil)
	for round := 0; round < 100; round++ {
		now := base.Add(time.Duration(round) * 2 * time.Second)
		if w.now = now; round > 0 && kills(round) {
			w = begin(now)
			w.engine.Refire(fired, newest)
			if err := w.engine.Seed(ctx, hosts{t, w, logs, make([]int, len(logs)), stored}, judged, now); err != nil {
				t.Fatal(err)
			}
		}
		to := slices.Clone(stored)
		c := &event.Commit{Batch: &event.Batch{}}
		for i, l := range logs {
			lag := lags[(round*len(logs)+i)%len(lags)]
			for to[i] < len(l.said) && micro(l.said[to[i]].at+lag) <= now.UnixMicro() {
				to[i]++
			}
			if to[i] > stored[i] {
				c.To = append(c.To, event.Mark{Gen: 100 + l.gen, Low: micro(l.said[to[i]-1].at)})
			}
		}
		var err error
		if judged, err = w.engine.Gather(ctx, hosts{t, w, logs, stored, to}, c); err != nil {
			t.Fatal(err)
		}
		stored, newest, fired = to, w.engine.Newest(), w.engine.Fired()
		for _, f := range c.Findings {
			found = append(found, f.Rule+" "+f.ID)
		}
	}
	slices.Sort(found)
	return found
}

// Whoever judges the events of many hosts, and however often another takes over: what is found is what one engine finds in
// all lines.
func TestWhatIsGatheredDoesNotDependOnWhoDoesIt(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 7))
		logs, list := interleavable(r)
		for i := range list {
			if list[i].ID == "lead" { // without it the least difference in what was told long ago would go on for ever
				list[i].Rearm = seconds(20)
			}
		}
		list = append(list, Rule{ID: "rest", When: "event.action:*", Group: "event.action", Threshold: &Threshold{Count: 3, Within: seconds(4)}, Rearm: seconds(20)})
		w := newWorld(t, 0, slices.Clone(list)...)
		w.commit(wholeLogs(t, w, []log{*logs[0], *logs[1], *logs[2]})...)
		var want []string
		for _, f := range w.findings {
			want = append(want, f.Rule+" "+f.ID)
		}
		slices.Sort(want)
		lags := make([]float64, 30)
		for i := range lags {
			lags[i] = r.Float64() * 8
		}
		if got := gathered(t, logs, list, lags, func(int) bool { return false }); !slices.Equal(got, want) {
			t.Fatalf("seed %d: found\n%q\nwant\n%q", seed, got, want)
		}
		for kill := 1; kill < 70; kill += 3 {
			if got := gathered(t, logs, list, lags, func(round int) bool { return round == kill }); !slices.Equal(got, want) {
				t.Errorf("seed %d, taken over in round %d: found\n%q\nwant\n%q", seed, kill, missing(got, want), missing(want, got))
			}
		}
		if got := gathered(t, logs, list, lags, func(int) bool { return true }); !slices.Equal(got, want) {
			t.Errorf("seed %d, taken over in every round: found\n%q\nwant\n%q", seed, missing(got, want), missing(want, got))
		}
	}
}

// missing returns what of list is not in other.
func missing(list, other []string) (out []string) {
	for _, x := range list {
		if !slices.Contains(other, x) {
			out = append(out, x)
		}
	}
	return out
}

// Rules of every kind find the same over the events of many hosts, whoever judges them: what they remember is filled again from these.
func TestEveryKindIsGatheredAsOneEngineFindsIt(t *testing.T) {
	t.Parallel()
	for name, r := range ofEachKind {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			logs := make([]*log, 3)
			for i := range logs {
				logs[i] = &log{gen: event.GenID(i + 1)}
			}
			random := rand.New(rand.NewPCG(15, 3))
			for _, s := range mixed(120).said {
				if s.at /= 2; s.at > 160 { // gathered has no more rounds
					break
				}
				l := logs[random.IntN(len(logs))]
				l.said = append(l.said, s)
			}
			rules := []Rule{r}
			w := newWorld(t, 0, slices.Clone(rules)...)
			w.now = w.now.Add(time.Hour)
			w.commit(wholeLogs(t, w, []log{*logs[0], *logs[1], *logs[2]})...)
			var want []string
			for _, f := range w.findings {
				want = append(want, f.Rule+" "+f.ID)
			}
			slices.Sort(want)
			if len(want) < 2 {
				t.Fatalf("one engine finds %d", len(want))
			}
			lags := make([]float64, 30)
			for i := range lags {
				lags[i] = random.Float64() * 8
			}
			find := func(kills func(int) bool) []string {
				got := gathered(t, logs, rules, lags, kills)
				if r.Absence != nil || r.Retry != nil { // the clock goes on after the logs' end
					got = slices.DeleteFunc(got, func(f string) bool { return !slices.Contains(want, f) })
				}
				return got
			}
			if got := find(func(int) bool { return false }); !slices.Equal(got, want) {
				t.Fatalf("found\n%q\nwant\n%q", missing(got, want), missing(want, got))
			}
			for kill := 1; kill < 95; kill += 3 {
				if got := find(func(round int) bool { return round == kill }); !slices.Equal(got, want) {
					t.Errorf("taken over in round %d: found\n%q\nwant\n%q", kill, missing(got, want), missing(want, got))
				}
			}
			if got := find(func(int) bool { return true }); !slices.Equal(got, want) {
				t.Errorf("taken over in every round: found\n%q\nwant\n%q", missing(got, want), missing(want, got))
			}
		})
	}
}
