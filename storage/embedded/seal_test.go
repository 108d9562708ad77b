package embedded

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
	"github.com/saypro/veritail/storage/storetest"
)

// later is a time at which every day of a test has ended.
var later = time.Date(2100, 1, 2, 0, 0, 0, 0, time.UTC)

func seal(t testing.TB, s *Store) []SealedDay {
	t.Helper()
	days, err := s.Seal(context.Background(), SealPolicy{Now: later})
	if err != nil {
		t.Fatal(err)
	}
	return days
}

// sealing is a store that seals all days after every second commit, so that each later commit comes late.
type sealing struct {
	*Store
	t       *testing.T
	commits int
}

func (s *sealing) Commit(ctx context.Context, c *event.Commit) (storage.Refused, error) {
	refused, err := s.Store.Commit(ctx, c)
	if s.commits++; err == nil && s.commits%2 == 1 {
		if _, err := s.Seal(ctx, SealPolicy{Now: later}); err != nil && ctx.Err() == nil {
			s.t.Errorf("seal: %v", err)
		}
	}
	return refused, err
}

func TestConformanceOfSealedDays(t *testing.T) {
	storetest.Run(t, func(t *testing.T, dir string, schema *event.Schema) storage.Store {
		return &sealing{Store: smallRuns(t, schema, filepath.Join(dir, "events.db")), t: t}
	})
}

// Queries find the same in sealed parts, in what came late for them, and in tables.
func TestSealedDaysAgreeWithTheMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 3))
	schema := querytest.Schema()
	s := smallRuns(t, schema, filepath.Join(t.TempDir(), "events.db"))
	var pages []*event.Page
	for i := range 4 {
		pages = append(pages, querytest.RandomPage(r, schema, 300))
		commit(t, s, batchOf(pages[i]))
		if i == 0 || i == 2 {
			seal(t, s)
		}
	}
	for range 40 {
		checkSearch(t, s, querytest.RandomExpr(r, schema), pages)
	}
	for _, text := range []string{`"deadlock detected"`, "deadlock", "event.original:error", "not deadlock"} {
		e, err := query.Parse(text, schema, querytest.Now)
		if err != nil {
			t.Fatal(err)
		}
		checkSearch(t, s, e, pages)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 1200 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

func sealedFiles(t *testing.T, s *Store) []string {
	t.Helper()
	files, err := os.ReadDir(s.shelf.dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestWhichDaysAreSealed(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, lines(s.schema, &mark, "one", "two")) // at noon
	ended := dayTime(dayOf(querytest.Now.UnixMicro()) + 1)
	wrote := time.Now()
	day := query.Interval{From: querytest.Now.UnixMicro(), To: querytest.Now.UnixMicro() + 1}
	for _, tc := range []struct {
		what string
		p    SealPolicy
		want int
	}{
		{"it has not ended", SealPolicy{Now: ended.Add(-time.Second)}, 0},
		{"it was added to lately", SealPolicy{Now: later, Quiet: later.Sub(wrote) + time.Minute}, 0},
		{"it is another", SealPolicy{Now: later, During: query.Interval{To: day.From - microsPerDay}}, 0},
		{"it is another", SealPolicy{Now: later, During: query.Interval{From: day.From + microsPerDay}}, 0},
		{"it has ended and was quiet", SealPolicy{Now: later, Quiet: later.Sub(wrote) - time.Minute, During: day}, 1},
		{"it is sealed", SealPolicy{Now: later}, 0},
	} {
		if days, err := s.Seal(t.Context(), tc.p); err != nil || len(days) != tc.want {
			t.Errorf("%s: sealed %v, error %v, want %d days", tc.what, days, err, tc.want)
		}
	}
}

// Small parts are sealed once more with what came late, large ones stay; a file goes when no read needs it.
func TestLateEventsAreSealedInTheirTurn(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 3000))
	if d := seal(t, s); len(d) != 2 || d[0].Events+d[1].Events != 3000 || d[0].Bytes == 0 || len(sealedFiles(t, s)) != 2 {
		t.Fatalf("sealed %+v, files %v", d, sealedFiles(t, s))
	}
	commit(t, s, numbered(s.schema, &mark, 1000))
	pages, events := 0, 0
	err := s.Scan(t.Context(), access.All(), nil, query.Interval{}, func(p *event.Page) error {
		if pages++; pages == 1 {
			seal(t, s)
			if n := len(sealedFiles(t, s)); n != 4 {
				t.Errorf("while a read of the old files is at work there are %d files, want 4", n)
			}
		}
		events += p.N
		return nil
	})
	if err != nil || events != 4000 {
		t.Errorf("a read that began before saw %d events, error %v", events, err)
	}
	if n := len(sealedFiles(t, s)); n != 4 {
		t.Errorf("before the main file says that they are gone there are %d files, want 4", n)
	}
	if _, err := s.Expire(t.Context(), storage.Policy{}); err != nil {
		t.Fatal(err)
	}
	if n := len(sealedFiles(t, s)); n != 2 {
		t.Errorf("afterwards there are %d files, want 2", n)
	}
	commit(t, s, numbered(s.schema, &mark, 2*smallPart))
	seal(t, s)
	commit(t, s, numbered(s.schema, &mark, 1000))
	seal(t, s)
	if n := len(sealedFiles(t, s)); n != 4 {
		t.Errorf("with large files there are %d, want 4", n)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 5000+2*smallPart {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

func TestADayThatIsAddedToMeanwhileStays(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, lines(s.schema, &mark, "one"))
	j := sealJob{s: s, ctx: t.Context(), day: dayOf(querytest.Now.UnixMicro())}
	if err := j.plan(); err != nil {
		t.Fatal(err)
	}
	if err := j.write(j.files[0]); err != nil {
		t.Fatal(err)
	}
	commit(t, s, lines(s.schema, &mark, "two"))
	if err := j.swap(later); err != errAddedTo {
		t.Errorf("it is swapped: %v", err)
	}
	j.cleanUp()
	if files := sealedFiles(t, s); len(files) != 0 {
		t.Errorf("files are left: %v", files)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 || r.Events != 2 {
		t.Errorf("check finds %d events and %v, error %v", r.Events, r.Problems, err)
	}
}

// Many generations, offsets far apart, and more than one file: every event goes into exactly one piece.
func TestPiecesCoverEverything(t *testing.T) {
	r := rand.New(rand.NewPCG(14, 4))
	var pieces []piece
	total := int64(0)
	for gen := uint64(1); gen < 40; gen++ {
		n := int64(1) << r.IntN(23)
		first := r.Int64N(1 << 50)
		last := first + n*(1+r.Int64N(1000))
		if gen == 7 {
			first, last = 0, 1<<63-1
		}
		pieces = appendPieces(pieces, gen, n, first, last)
		total += n
		for _, off := range []int64{first, last, first + (last-first)/2, first + (last-first)/3} {
			in := 0
			for _, p := range pieces {
				if p.gens[0] == gen && p.gens[1] == gen && p.offs[0] <= off && off <= p.offs[1] ||
					p.gens[0] != p.gens[1] && p.gens[0] <= gen && gen <= p.gens[1] {
					in++
				}
			}
			if in != 1 {
				t.Fatalf("offset %d of generation %d is in %d pieces", off, gen, in)
			}
		}
	}
	sum := int64(0)
	for _, f := range inFiles(pieces) {
		rows := int64(0)
		for _, p := range f {
			rows += p.rows
		}
		if sum += rows; rows > fileRows+2*pieceRows {
			t.Errorf("a file of about %d rows", rows)
		}
	}
	if sum > total || sum < total*9/10 {
		t.Errorf("the pieces have about %d rows, want %d", sum, total)
	}
}
