package rules

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// does returns events of one user: "0 begin, 5 commit" are two, at the seconds 0 and 5.
func does(user, story string) []said {
	var all []said
	for _, one := range strings.Split(story, ", ") {
		at, action, _ := strings.Cut(one, " ")
		var s float64
		if _, err := fmt.Sscan(at, &s); err != nil {
			panic(err)
		}
		all = append(all, said{s, "user.name=" + user + " event.action=" + action})
	}
	return all
}

// told returns what was found: of each finding its second and its count.
func told(w *world) string {
	var all []string
	for _, f := range w.findings {
		all = append(all, fmt.Sprintf("%g:%d", float64(f.Time-base.UnixMicro())/1e6, f.Count))
	}
	return strings.Join(all, " ")
}

func TestKinds(t *testing.T) {
	t.Parallel()
	guessed := Rule{Group: "user.name", Sequence: &Sequence{
		Steps: []Step{{When: "event.action:fail", Count: 3}, {When: "event.action:login"}}, Unless: "event.action:reset", Within: seconds(10)}}
	narrowed := Rule{Group: "user.name", When: "process.name:sshd", Sequence: &Sequence{Steps: []Step{{When: "event.action:a"}, {When: "event.action:b"}}, Within: seconds(10)}}
	left := Rule{Group: "user.name", When: "event.action:begin", Absence: &Absence{Expect: "event.action:(commit or rollback)", Within: seconds(10)}}
	beat := Rule{Group: "user.name", When: "event.action:beat", Absence: &Absence{Within: seconds(10)}}
	fresh := Rule{Group: "user.name", When: "event.action:login", First: &First{Of: "source.ip", Within: seconds(1000), Learn: seconds(100)}}
	anew := Rule{Group: "user.name", When: "event.action:*", First: &First{Within: seconds(1000)}}
	share := Rule{Group: "user.name", When: "event.action:*", Ratio: &Ratio{Of: "event.action:error", Reaches: 0.5, Count: 4, Within: seconds(20)}}
	sum := Rule{Group: "user.name", When: "event.action:*", Threshold: &Threshold{Sum: "veritail.repeat", Reaches: 100, Within: seconds(20)}}
	rate := Rule{Group: "user.name", When: "event.action:*", Rate: &Rate{Times: 3, Count: 4, Within: seconds(20), Baseline: seconds(200)}}
	less := Rule{Group: "event.action", When: "event.action:sent", Deviation: &Deviation{Of: "veritail.repeat", Below: 0.5, Last: 5, Within: seconds(1000)}}
	missing := Rule{Group: "user.name", When: "event.action:sent", Gap: &Gap{Of: "veritail.repeat", Late: seconds(5), Within: seconds(1000)}}
	numbers := func(list ...int64) (all []said) { // one a second
		for i, n := range list {
			all = append(all, said{float64(i), fmt.Sprintf("event.action=sent user.name=u veritail.repeat=%d", n)})
		}
		return append(all, said{float64(len(list)) + 20, "event.action=other user.name=u"})
	}
	login := func(s float64, user, ip string) said {
		return said{s, "event.action=login user.name=" + user + " source.ip=" + ip}
	}
	sent := func(s float64, n int) said { return said{s, fmt.Sprintf("event.action=sent veritail.repeat=%d", n)} }
	every := func(step float64, from, to float64) (all []said) {
		for s := from; s <= to; s += step {
			all = append(all, does("u", fmt.Sprintf("%g x", s))...)
		}
		return all
	}
	for _, tc := range []struct {
		name string
		rule Rule
		log  []said
		want string
	}{
		{"a sequence in its order", guessed, does("u", "0 fail, 1 fail, 2 fail, 3 login"), "3:4"},
		{"too few of a step", guessed, does("u", "0 fail, 1 fail, 3 login"), ""},
		{"in another order", guessed, does("u", "0 login, 1 fail, 2 fail, 3 fail"), ""},
		{"of several users", guessed, append(does("u", "0 fail, 1 fail"), does("v", "2 fail, 3 login")...), ""},
		{"the first too long ago", guessed, does("u", "0 fail, 1 fail, 2 fail, 10.5 login"), ""},
		{"numbers that go on", missing, numbers(7, 8, 9, 10), ""},
		{"a number is missing", missing, numbers(7, 8, 10, 11), "2:1"},
		{"several are missing, twice", missing, numbers(7, 11, 12, 20), "1:3 3:7"},
		{"what was missing comes late", missing, numbers(7, 10, 9, 8, 11), ""},
		{"a part of it does", missing, numbers(7, 20, 10, 12, 21), "1:10"},
		{"it comes too late", missing, numbers(7, 10, 11, 12, 13, 14, 15, 16, 17, 8), "1:2"},
		{"the same number again", missing, numbers(7, 8, 8, 7, 9), ""},
		{"a number from the beginning", missing, numbers(2000, 2001, 1, 2, 3), ""},
		{"numbers far below", missing, numbers(2000, 2001, 900, 901), ""},
		{"numbers of somebody else", missing, append(numbers(7, 8), said{1, "event.action=sent user.name=v veritail.repeat=70"}), ""},
		{"no number", missing, append(numbers(7, 8), said{1.5, "event.action=sent user.name=u"}), ""},
		{"exactly within", guessed, does("u", "0 fail, 1 fail, 2 fail, 10 login"), "10:4"},
		{"the latest of many count", guessed, does("u", "0 fail, 5 fail, 6 fail, 7 fail, 12 login"), "12:4"},
		{"cancelled", guessed, does("u", "0 fail, 1 fail, 2 fail, 3 reset, 4 login"), ""},
		{"what comes after a cancellation counts", guessed, does("u", "0 fail, 3 reset, 4 fail, 5 fail, 6 fail, 7 login"), "7:4"},
		{"a sequence begins anew after it was found", guessed, does("u", "0 fail, 1 fail, 2 fail, 3 login, 4 login, 5 fail, 6 fail, 7 fail, 8 login"), "3:4 8:4"},
		{"when narrows each step", narrowed, []said{{0, "event.action=a process.name=sshd"}, {1, "event.action=b"}, {2, "event.action=b process.name=sshd"}}, "2:2"},

		{"begun and ended", left, does("u", "0 begin, 9 commit, 30 x"), ""},
		{"begun and never ended", left, does("u", "0 begin, 30 x"), "10:1"},
		{"ended too late", left, does("u", "0 begin, 11 commit, 30 x"), "10:1"},
		{"ended in the last moment", left, does("u", "0 begin, 10 commit, 30 x"), ""},
		{"ended by another", left, append(does("u", "0 begin"), does("v", "5 commit, 30 x")...), "10:1"},
		{"begun again before it ended", left, does("u", "0 begin, 5 begin, 30 x"), "10:1"},
		{"an end before the beginning ends nothing", left, does("u", "0 commit, 1 begin, 30 x"), "11:1"},
		{"the log ends before it can be missing", left, does("u", "0 begin, 9 x"), ""},
		{"each of two", left, append(does("u", "0 begin"), does("v", "1 begin, 30 x")...), "10:1 11:1"},
		{"a beat that goes on", beat, does("u", "0 beat, 9 beat, 18 beat, 20 x"), ""},
		{"a beat that stops is one finding, and one more when it stops again", beat, does("u", "0 beat, 5 beat, 40 beat, 90 x"), "15:1 50:1"},

		{"an address that is new for a known user", fresh, []said{login(0, "u", "10.0.0.1"), login(150, "u", "10.0.0.2"), login(160, "u", "10.0.0.2")}, "150:1"},
		{"nothing is new while it learns", fresh, []said{login(0, "u", "10.0.0.1"), login(50, "u", "10.0.0.2")}, ""},
		{"a new user has no new address", fresh, []said{login(0, "u", "10.0.0.1"), login(150, "v", "10.0.0.2")}, ""},
		{"what was not seen for long is new again", fresh, []said{login(0, "u", "10.0.0.1"), login(700, "u", "10.0.0.2"), login(1300, "u", "10.0.0.1")}, "700:1 1300:1"},
		{"something in between keeps it known", fresh, []said{login(0, "u", "10.0.0.1"), login(700, "u", "10.0.0.1"), login(1300, "u", "10.0.0.1")}, ""},
		{"a group that is new", anew, append(does("u", "0 x, 5 x"), does("v", "9 x, 10 x")...), "9:1"},

		{"a share is reached", share, does("u", "0 fine, 1 fine, 2 error, 3 error"), "3:2"},
		{"a share of too few", share, does("u", "0 error, 1 error, 2 error"), ""},
		{"a share that is not reached", share, does("u", "0 fine, 1 fine, 2 fine, 3 error, 4 error"), ""},
		{"while it stays reached it is told once", share, does("u", "0 fine, 1 fine, 2 error, 3 error, 4 error, 5 error, 6 error"), "3:2"},
		{"what is older than the window is out of the share", share, does("u", "0 fine, 1 fine, 2 fine, 3 fine, 40 error, 41 error, 42 error, 43 error"), "43:4"},
		{"a sum is reached", sum, []said{sent(0, 40), sent(1, 50), sent(2, 10)}, "2:3"},
		{"a sum is spread too far", sum, []said{sent(0, 40), sent(10, 50), sent(21.1, 10)}, ""},
		{"less than nothing adds nothing", sum, []said{sent(0, 90), sent(1, -90), sent(2, 10)}, "2:3"},
		{"a backup that shrinks", less, []said{sent(0, 100), sent(10, 110), sent(20, 90), sent(30, 49)}, "30:1"},
		{"half of what is usual is enough", less, []said{sent(0, 100), sent(10, 110), sent(20, 90), sent(30, 50)}, ""},
		{"two values are not yet usual", less, []said{sent(0, 100), sent(10, 110), sent(20, 10)}, ""},
		{"one that was odd is not what is usual", less, []said{sent(0, 100), sent(10, 900), sent(20, 100), sent(30, 100), sent(40, 60)}, ""},
		{"what grows is none", less, []said{sent(0, 100), sent(10, 110), sent(20, 90), sent(30, 5000)}, ""},
		{"what stays small becomes usual", less, []said{sent(0, 100), sent(1, 100), sent(2, 100), sent(3, 10), sent(4, 10), sent(5, 10), sent(6, 10)}, "3:1 4:1 5:1"},
		{"what is long ago says nothing of today", less, []said{sent(0, 100), sent(1, 100), sent(2, 100), sent(1200, 10)}, ""},
		{"an event without the field", less, append([]said{sent(0, 100), sent(1, 110), sent(2, 90)}, does("u", "3 sent")...), ""},
		{"a rate goes up", rate, append(every(10, 0, 200), does("u", "202 x, 203 x, 204 x, 205 x, 206 x")...), "206:7"},
		{"a rate stays", rate, every(5, 0, 400), ""},
		{"what was never there has no rate to compare with", rate, does("u", "0 x, 1 x, 2 x, 3 x, 4 x, 5 x"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			slices.SortStableFunc(tc.log, func(a, b said) int { return int(math.Copysign(1, a.at-b.at)) })
			w := newWorld(t, 0, tc.rule)
			w.now = w.now.Add(time.Hour)
			w.commit((&log{gen: 1, said: tc.log}).whole(t, w.schema))
			counted := w.counts()
			if got := told(w); got != tc.want {
				t.Errorf("found %q, want %q", got, tc.want)
			}
			if n := len(w.findings); !strings.HasPrefix(counted, fmt.Sprint(n)) {
				t.Errorf("counted %s, of %d findings", counted, n)
			}
		})
	}
}

// mixed returns a log of several users and hosts in which every kind finds something.
func mixed(n int) *log {
	r := rand.New(rand.NewPCG(uint64(n), 3))
	l := &log{gen: 1}
	at := 0.0
	for range n {
		at += float64(r.IntN(40)) / 10
		if r.IntN(12) == 0 {
			at += 15
		}
		l.said = append(l.said, said{at, fmt.Sprintf("event.action=%s user.name=u%d source.ip=10.0.0.%d veritail.repeat=%d",
			[]string{"fail", "fail", "login", "begin", "commit", "error"}[r.IntN(6)], r.IntN(3), r.IntN(4), r.IntN(50))})
	}
	return l
}

// ofEachKind are rules of each kind, which find something in mixed.
var ofEachKind = map[string]Rule{
	"sequence": {Group: "user.name", Sequence: &Sequence{Steps: []Step{{When: "event.action:fail", Count: 2}, {When: "event.action:login"}}, Unless: "event.action:commit", Within: seconds(40)}},
	"absence":  {Group: "user.name", When: "event.action:begin", Absence: &Absence{Expect: "event.action:commit", Within: seconds(6)}},
	"beat":     {Group: "user.name", When: "event.action:login", Absence: &Absence{Within: seconds(12)}},
	"first":    {Group: "user.name", When: "event.action:login", First: &First{Of: "source.ip", Within: seconds(30)}},
	"ratio":    {Group: "user.name", When: "event.action:*", Ratio: &Ratio{Of: "event.action:fail", Reaches: 0.6, Count: 4, Within: seconds(10)}},
	"sum":      {Group: "user.name", When: "event.action:*", Threshold: &Threshold{Sum: "veritail.repeat", Reaches: 90, Within: seconds(8)}},
	"rate":     {Group: "user.name", When: "event.action:*", Rate: &Rate{Times: 2, Count: 4, Within: seconds(6), Baseline: seconds(60)}},
	"states": {Group: "user.name", When: "event.action:*", States: &States{Of: "event.action", Log: "event.dataset", Means: "event.action", Within: seconds(20),
		Next: map[string][]string{"fail": {"login"}, "login": {"begin"}, "begin": {"commit"}, "commit": {}}}},
	"retry": {Group: "user.name", Retry: &Retry{Fails: "event.action:fail", Refused: "event.action:(fail or error)", Runs: "event.action:login", Commits: "event.action:commit",
		Rolls: "event.action:begin", Leaves: "event.action:x", Session: "user.name", Text: "user.name", Within: seconds(20), Ended: "succeeded"}},
	"given up": {Group: "user.name", Retry: &Retry{Fails: "event.action:fail", Refused: "event.action:(fail or error)", Runs: "event.action:login", Commits: "event.action:commit",
		Rolls: "event.action:begin", Leaves: "event.action:x", Session: "{{user.name}} {{host.name}}", Text: "source.ip", Within: seconds(20), Ended: "given up"}},
	"control": {Group: "user.name", When: "event.action:(fail or begin)", Control: &Control{Record: "event.action:login", Each: "source.ip",
		Amount: "veritail.repeat", Sum: "veritail.repeat", Count: "veritail.repeat", Within: seconds(40)}},
	"gap":       {Group: "user.name", When: "event.action:*", Gap: &Gap{Of: "veritail.repeat", Late: seconds(2), Within: seconds(100)}},
	"deviation": {Group: "user.name", When: "event.action:*", Deviation: &Deviation{Of: "veritail.repeat", Below: 0.3, Above: 2, Last: 5, Within: seconds(200)}},
}

// A scan of a whole file, a daemon that gets its events one by one, and a daemon that is killed between any two of them find the
// same.
func TestScanDaemonAndRestartFindTheSameOfEachKind(t *testing.T) {
	t.Parallel()
	for name, r := range ofEachKind {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := mixed(120)
			whole := newWorld(t, 0, r)
			whole.now = whole.now.Add(time.Hour)
			whole.commit(l.whole(t, whole.schema))
			var want []string
			for _, f := range whole.findings {
				want = append(want, fmt.Sprint(f.ID, f.Count, f.First-base.UnixMicro(), len(f.Evidence)))
			}
			slices.Sort(want)
			if len(want) < 4 {
				t.Fatalf("a scan finds %d", len(want))
			}
			for kill := 1; kill <= len(l.said); kill += 1 + kill%3 {
				got := killed(t, r, l, kill)
				if name == "absence" || name == "beat" || name == "gap" { // the clock goes on after the file's end
					got = slices.DeleteFunc(got, func(f string) bool { return !slices.Contains(want, f) })
				}
				if !slices.Equal(got, want) {
					t.Fatalf("killed after %d: found\n%q, a scan finds\n%q", kill, got, want)
				}
			}
		})
	}
}

// What rules remember for weeks is read again at a start, and no more of what others are about than a day of it.
func TestARestartKnowsFormerWeeks(t *testing.T) {
	t.Parallel()
	l := &log{gen: 1}
	for week := range 7 {
		n := 3
		if week == 6 {
			n = 12
		}
		for i := range n {
			l.said = append(l.said, said{float64(week)*hoursOfWeek*3600 + float64(i), "event.action=x user.name=u"})
		}
	}
	spike := Rule{Group: "user.name", When: "event.action:x", Spike: &Spike{Times: 3, Count: 5}}
	want := killed(t, spike, l, len(l.said))
	if len(want) != 1 {
		t.Fatalf("%d findings", len(want))
	}
	for kill := 1; kill < len(l.said); kill++ {
		if got := killed(t, spike, l, kill); !slices.Equal(got, want) {
			t.Errorf("killed after %d: found %q, want %q", kill, got, want)
		}
	}
	quiet := Rule{ID: "q", Group: "user.name", When: "event.action:y", Threshold: &Threshold{Count: 2, Within: seconds(60)}}
	w := newWorld(t, 2*time.Second, spike, quiet)
	w.now = time.UnixMicro(micro(l.said[len(l.said)-1].at))
	h := &asked{stored: stored{t: t, schema: w.schema, log: l}}
	if err := w.engine.Seed(t.Context(), h, w.now.UnixMicro(), w.now); err != nil {
		t.Fatal(err)
	}
	if len(h.queries) != 2 || strings.Contains(h.queries[0], "event.action:y") || !strings.Contains(h.queries[1], "event.action:y") {
		t.Errorf("asked %q", h.queries)
	}
}

// asked notes what a store is asked.
type asked struct {
	stored
	queries []string
}

// Scan implements History.
func (a *asked) Scan(ctx context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	a.queries = append(a.queries, query.String(e))
	return a.stored.Scan(ctx, e, during, f)
}

// A file that is read late, whose events lie before those of others, changes nothing.
func TestTheOrderOfFilesChangesNothingOfAnyKind(t *testing.T) {
	t.Parallel()
	for name, r := range ofEachKind {
		l := mixed(200)
		var a, b log
		for i, s := range l.said {
			if i%3 == 0 {
				a.said = append(a.said, s)
			} else {
				b.said = append(b.said, s)
			}
		}
		find := func(first, second log, g1, g2 event.GenID) string {
			w := newWorld(t, 0, r)
			w.now = w.now.Add(time.Hour)
			first.gen, second.gen = g1, g2
			w.commit(first.whole(t, w.schema), second.whole(t, w.schema))
			return told(w) + " " + w.counts()
		}
		if one, other := find(a, b, 1, 2), find(b, a, 2, 1); one != other || len(one) < 10 {
			t.Errorf("%s: found\n%s\nand in the other order\n%s", name, one, other)
		}
	}
}

func TestMistakesInKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ table, want string }{
		{"[rule.ratio]\nof = 'log.level:error'\nreaches = 1.5\ncount = 5\nwithin = \"1m\"", "ratio.reaches: want a share above 0 and at most 1"},
		{"[rule.ratio]\nreaches = 0.5\ncount = 5\nwithin = \"1m\"", "ratio.of: missing: the share of which events?"},
		{"[rule.rate]\ntimes = 1.0\ncount = 5\nwithin = \"1m\"\nbaseline = \"1h\"", "rate.times: want more than 1"},
		{"[rule.rate]\ntimes = 3.0\ncount = 5\nwithin = \"1m\"", "rate.baseline: want at least as long a time as within"},
		{"[rule.spike]\ntimes = 3.0\ncount = 0", "spike.count: want at least 1"},
		{"[rule.spike]\ntimes = 3.0\ncount = 5\nweeks = 99", "spike.weeks: want 2 to 26"},
		{"[rule.first]\nlearn = \"1h\"\nwithin = \"1m\"", "first.learn: want less than within"},
		{"[rule.absence]\nexpect = 'log.level:error'", "absence.within: missing"},
		{"[rule.absence]\nexpect = 'log.level:('\nwithin = \"1m\"", "absence.expect: column 12"},
		{"[rule.sequence]\nwithin = \"1m\"", "sequence.step: want 1 to 16 steps, not 0"},
		{"[rule.sequence]\nwithin = \"1m\"\n[[rule.sequence.step]]\ncount = 2", "sequence.step[0].when: missing: which events?"},
		{"[rule.sequence]\nwithin = \"1m\"\n[[rule.sequence.step]]\nwhen.user.name.contians = \"a\"", `sequence.step[0].when.user.name.contians: unknown modifier "contians"`},
		{"[rule.threshold]\nsum = \"user.name\"\nreaches = 5\nwithin = \"1m\"", `threshold.sum: field "user.name" is of kind keyword; want one that is a number`},
		{"[rule.threshold]\nsum = \"event.duration\"\ncount = 5\nwithin = \"1m\"", "threshold.sum: a sum reaches something; leave out count and distinct"},
		{"[rule.deviation]\nof = \"event.duration\"\nwithin = \"1d\"", "deviation.below: want below, above or both"},
		{"[rule.deviation]\nof = \"event.duration\"\nbelow = 2.0\nwithin = \"1d\"", "deviation.below: want a part of what is usual"},
		{"[rule.deviation]\nof = \"event.duration\"\nabove = 0.5\nwithin = \"1d\"", "deviation.above: want more than 1"},
		{"[rule.deviation]\nof = \"event.duration\"\nabove = 2.0\nlast = 2\nwithin = \"1d\"", "deviation.last: want 3 to 100 values"},
		{"[rule.deviation]\nof = \"user.name\"\nabove = 2.0\nwithin = \"1d\"", `deviation.of: field "user.name" is of kind keyword`},
		{"[rule.gap]\nwithin = \"1h\"", "gap.of: missing"},
		{"[rule.gap]\nof = \"user.name\"\nwithin = \"1h\"", `gap.of: field "user.name" is of kind keyword`},
		{"[rule.gap]\nof = \"event.duration\"\nlate = \"2h\"\nwithin = \"1h\"", "gap.late: want less than within"},
		{"[rule.deviation]\nabove = 2.0\nwithin = \"1d\"", "deviation.of: missing"},
		{"[rule.threshold]\ncount = 5\nwithin = \"1m\"\n[rule.first]\nwithin = \"1h\"", "first: the rule has a threshold already; make two rules of it"},
	} {
		text := strings.Replace(good, "[rule.threshold]\ncount  = 2\nwithin = \"1m\"", tc.table, 1)
		rules, err := loadText(text)
		if err == nil {
			_, err = New(rules, Config{Schema: testSchema(t)})
		}
		if err == nil || !strings.Contains(err.Error(), `rule "app.error": `+tc.want) {
			t.Errorf("%s\ngot  %v\nwant %s", tc.table, err, tc.want)
		}
	}
}
