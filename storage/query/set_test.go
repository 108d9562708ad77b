package query_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// Hundreds of trees over one page, which share what they find out, match what each would by itself; and those that are no
// candidates match nothing.
func TestASetAgreesWithTheOracleAndLeavesOutOnlyWhatMatchesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 15))
	schema := querytest.Schema()
	set := query.NewSet()
	var trees []query.Expr
	for set.Len() < 400 {
		e := querytest.RandomExpr(r, schema)
		n, err := set.Add(e)
		if err != nil {
			t.Fatal(err)
		}
		if n == len(trees) {
			trees = append(trees, e)
		}
	}
	left, matched := 0, 0
	for round := range 30 {
		p := querytest.RandomPage(r, schema, []int{0, 1, 3, 64, 65, 200, 2048}[round%7])
		set.Begin(p)
		may := map[int]bool{}
		for _, i := range set.Candidates() {
			may[i] = true
		}
		for i, e := range trees {
			rows := set.Match(i)
			for row := range p.N {
				if round%7 == 6 && row%16 != 0 {
					continue // the oracle is slow
				}
				if want := querytest.Match(e, p.Row(row)); rows.Has(row) != want {
					t.Fatalf("%s, row %d: the set says %v, the oracle %v", query.String(e), row, !want, want)
				}
			}
			if *rows != (event.Bits{}) {
				matched++
				if !may[i] {
					t.Fatalf("%s matches and is no candidate", query.String(e))
				}
			}
			if !may[i] {
				left++
			}
		}
	}
	t.Logf("of %d pages and trees %d were left out and %d match", 30*len(trees), left, matched)
	if left < 1000 || matched < 1000 {
		t.Errorf("%d were left out and %d match: the generator has become too narrow", left, matched)
	}
}

func TestOnlyTreesAboutSuchEventsAreCandidates(t *testing.T) {
	p := event1("Failed password for root", "user.name", "root", "event.action", "ssh_failed")
	for text, want := range map[string]bool{
		"event.action:ssh_failed":                        true,
		"event.action:ssh_login":                         false,
		"event.action:(ssh_login or ssh_failed)":         true,
		"event.dataset:sshd and event.action:ssh_failed": true,
		"event.dataset:nginx and user.name:/r/":          false,
		"event.dataset:nginx or event.action:ssh_failed": true,
		"http.response.status_code>=500":                 false,
		"not event.action:ssh_failed":                    true, // nothing is known of it
		"not event.action:x and event.action:y":          false,
		"password":                                       true,
		"user.name:*":                                    true,
		"host.name:*":                                    false,
	} {
		set := query.NewSet()
		if _, err := set.Add(parse(t, text, p.Schema)); err != nil {
			t.Fatal(err)
		}
		set.Begin(p)
		if got := len(set.Candidates()) == 1; got != want {
			t.Errorf("%s: candidate %v, want %v", text, got, want)
		}
	}
}

// Most of a site's rules are about what a page has nothing of: they cost next to nothing.
func TestAThousandTreesAboutOtherEventsAreNoCandidates(t *testing.T) {
	p := event1("x", "event.action", "own_77", "event.outcome", "failure")
	set := query.NewSet()
	for i := range 1000 {
		if _, err := set.Add(parse(t, fmt.Sprintf("event.outcome:failure and event.action:own_%d", i), p.Schema)); err != nil {
			t.Fatal(err)
		}
	}
	set.Begin(p)
	if got := len(set.Candidates()); got > 20 { // the first are entered under what they share with all others
		t.Errorf("%d of 1000 are candidates", got)
	}
}
