package rules_test

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
)

// shipped is the configuration that Veritail carries.
type shipped struct {
	schema *event.Schema
	set    *parsers.Set
	rules  []rules.Rule
}

var loadOnce = sync.OnceValues(func() (*shipped, error) {
	s := &shipped{schema: event.NewSchema()}
	var err error
	if s.set, err = parsers.Load(configs.FS(""), s.schema); err != nil {
		return nil, err
	}
	s.rules, err = rules.Load(configs.FS(""))
	return s, err
})

// loadShipped returns the configuration; all tests share it and change nothing of it.
func loadShipped(t testing.TB) *shipped {
	t.Helper()
	s, err := loadOnce()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode returns the events of a whole file.
func (s *shipped) decode(format string, gen event.GenID, lines []byte) (*event.Batch, error) {
	d, err := s.set.NewDecoder(event.Generation{ID: gen, Path: "test", Format: format}, parsers.Options{Host: "test"})
	if err != nil {
		return nil, err
	}
	b := &event.Batch{}
	d.Decode(b, lines, 0)
	d.Flush(b, time.Now(), true)
	b.From, b.To = []event.Mark{{Gen: gen, Low: math.MinInt64}}, []event.Mark{d.Mark()}
	return b, nil
}

func TestTheShippedRulesPassTheirOwnTests(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	tests, failures, err := rules.Check(s.rules, s.schema, s.decode)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
	if tests < 2*len(s.rules) {
		t.Errorf("%d tests of %d rules", tests, len(s.rules))
	}
	_, unmet, err := rules.Coverage(s.rules, s.schema, s.decode)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range unmet {
		t.Error(f)
	}
}

// contract holds the ids that users' scripts read in the output of scan, and the fields that their groups are of.
var contract = map[string]string{
	"auth.ssh-failed": "source.ip", "auth.ssh-login": "user.name@source.ip", "auth.bruteforce": "source.ip",
	"auth.sudo-failed": "user.name", "auth.sudo-refused": "user.name", "auth.su-failed": "user.name",
	"web.auth-failed": "source.ip", "web.server-error": "url.path", "web.scan": "source.ip",
	"web.path-traversal": "source.ip", "web.sql-injection": "source.ip", "web.xss": "source.ip", "web.shellshock": "source.ip",
	"db.deadlock": "db.namespace", "db.serialization-failure": "db.namespace", "db.statement-timeout": "db.namespace",
	"db.lock-timeout": "db.namespace", "db.idle-in-transaction-timeout": "db.namespace", "db.user-cancel": "db.namespace",
	"db.admin-terminate": "db.namespace", "db.unique-violation": "db.namespace", "db.foreign-key-violation": "db.namespace",
	"db.check-violation": "db.namespace", "db.not-null-violation": "db.namespace", "db.division-by-zero": "db.namespace",
	"db.aborted-transaction-reused": "db.namespace", "db.login-failed": "source.ip", "db.login-refused": "source.ip",
	"db.access-denied": "user.name", "db.aborted-connection": "db.namespace", "db.too-many-connections": "db.namespace", "db.disk-full": "db.namespace",
	"db.server-crash": "host.name", "db.crash-recovery": "host.name", "db.wal-archiving-failed": "host.name",
	"db.corruption": "host.name", "backup.failed": "veritail.job", "backup.succeeded": "veritail.job",
}

func TestTheIDsOfTheContractAreShippedWithTheirGroups(t *testing.T) {
	t.Parallel()
	have := map[string]string{}
	for _, r := range loadShipped(t).rules {
		have[r.ID] = strings.NewReplacer("{{", "", "}}", "", "|source.address", "").Replace(r.Group)
	}
	for _, id := range slices.Sorted(maps.Keys(contract)) {
		if have[id] != contract[id] {
			t.Errorf("%s: group %q, want %q", id, have[id], contract[id])
		}
	}
}

// A name that no format knows finds nothing and says nothing: no slip may hide so.
func TestTheFieldsThatShippedRulesNameExist(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	for _, f := range rules.Unknown(s.rules, s.schema) {
		t.Error(f)
	}
}

// Attackers do not choose demonstration addresses: a rule that names one is about the demonstration.
func TestShippedRulesAreAboutBehaviour(t *testing.T) {
	t.Parallel()
	demo := regexp.MustCompile(`127\.0\.[1-9]|10\.66\.|\b(alice|ghost1|shop\.example)\b`)
	for _, r := range loadShipped(t).rules {
		if m := demo.FindString(fmt.Sprint(r.When, r.Title, r.Message, r.Runbook, r.Once)); m != "" {
			t.Errorf("%s names %s", r.ID, m)
		}
	}
}
