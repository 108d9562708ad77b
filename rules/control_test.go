package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// paid returns events of a batch: "T-1=0.10 T-2=0.20" are transactions, "!2/0.30" is a control record.
func paid(t *testing.T, w *world, story string) {
	t.Helper()
	p := &event.Page{Schema: w.schema, Arena: &event.Arena{}, Gen: 1, Path: "file1"}
	for i, one := range strings.Fields(story) {
		row := p.AddRow(p.Arena.PutString(one), 1, []event.Span{{Off: int64(i) * 100, Len: int32(len(one))}})
		p.SetInt(row, event.FieldTime, micro(float64(i)))
		number := func(name, text string) {
			var x float64
			if _, err := fmt.Sscan(text, &x); err != nil {
				t.Fatal(err)
			}
			f, _ := w.schema.Lookup(name)
			p.SetFloat(row, f, x)
		}
		if control, ok := strings.CutPrefix(one, "!"); ok {
			count, sum, _ := strings.Cut(control, "/")
			set(t, p, row, "event.action", "control")
			number("app.count", count)
			number("app.sum", sum)
			continue
		}
		id, amount, _ := strings.Cut(one, "=")
		set(t, p, row, "event.action", "paid")
		if id != "" {
			set(t, p, row, "user.name", id)
		}
		number("app.amount", amount)
	}
	p.Complete()
	w.commit(step{[]*event.Page{p}, []event.Mark{{Gen: 1, Low: p.Time(p.N - 1)}}})
	w.flush()
}

func TestAControlRecordIsComparedToTheLastDigit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, story, want string }{
		{"it is as told", "T-1=0.10 T-2=0.20 !2/0.30", ""},
		{"cents that no binary number is add up", strings.Repeat("=0.10 ", 1000) + "!1000/100", ""},
		{"large ones and small ones", "T-1=99999999999.99 T-2=0.01 T-3=-99999999999.99 !3/0.01", ""},
		{"a cent in a hundred thousand millions", "T-1=99999999999.99 !1/99999999999.98",
			"The control record's sum is 99999999999.98, that of what was logged 99999999999.99: 0.01 too much."},
		{"one is missing", "T-1=1 T-2=2 !3/6", "The control record counts 3, 2 were logged: 1 missing. The control record's sum is 6, that of what was logged 3: 3 missing."},
		{"the same told twice counts once, with what it was last", "T-1=1 T-1=1.50 !1/1.50", ""},
		{"the same without an id is two", "=1 =1 !2/2", ""},
		{"an empty batch", "!0/0", ""},
		{"a control record told twice has nothing left", "T-1=1 !1/1 !1/1", "The control record counts 1, 0 were logged: 1 missing. The control record's sum is 1, that of what was logged 0: 1 missing."},
		{"one batch after the other", "T-1=1 !1/1 T-2=2 T-3=3 !2/5", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := Rule{Group: "host.name", When: "event.action:paid", Control: &Control{Record: "event.action:control", Each: "user.name",
				Amount: "app.amount", Count: "app.count", Sum: "app.sum", Within: seconds(5000)}}
			w := newWorld(t, 0, r)
			paid(t, w, tc.story)
			var said []string
			for _, f := range w.findings {
				said = append(said, f.Message)
			}
			if got := strings.Join(said, "\n"); got != tc.want {
				t.Errorf("said %q, want %q", got, tc.want)
			}
		})
	}
}

// A log that says which state may follow which has its own order; others go by what their states mean.
func TestStatesMayFollowAsTheirLogSays(t *testing.T) {
	t.Parallel()
	rule := Rule{Group: "user.name", When: "event.action:*", States: &States{Of: "event.action", Log: "event.module", Means: "event.outcome", Within: seconds(100),
		Next: map[string][]string{"unknown": {"success", "failure"}, "success": {"failure"}, "failure": {}},
		logs: []configs.TransactionLog{{Name: "pay", States: map[string]configs.TransactionState{
			"INIT": {Means: "pending", Next: []string{"AUTH", "NO"}}, "AUTH": {Means: "pending", Next: []string{"DONE"}}, "DONE": {Means: "completed"}, "NO": {Means: "failed"},
		}}, {Name: "plain", States: map[string]configs.TransactionState{"A": {Means: "pending"}}}}}}
	of := func(log, states string) (all []said) {
		for i, s := range strings.Fields(states) {
			name, means, _ := strings.Cut(s, ":")
			fields := "user.name=T-1 event.action=" + name
			if means != "" {
				fields += " event.outcome=" + means
			}
			if log != "" {
				fields += " event.module=" + log
			}
			all = append(all, said{float64(i), fields})
		}
		return all
	}
	for _, tc := range []struct {
		name string
		log  []said
		want string
	}{
		{"as the log says", of("pay", "INIT AUTH AUTH DONE"), ""},
		{"a step is left out", of("pay", "INIT DONE"), "It was INIT before, after which the log pay lets follow AUTH or NO."},
		{"after the end", of("pay", "NO AUTH"), "It was NO before, after which the log pay lets nothing follow."},
		{"a state that the log does not know", of("pay", "INIT MAYBE"), "It was INIT before; the states of the log pay have no MAYBE."},
		{"two logs of one id do not mix", append(of("pay", "INIT"), said{5, "user.name=T-1 event.action=booked event.outcome=success"}), ""},
		{"what it means, where a log says no order", of("plain", "A:unknown B:success C:failure"), ""},
		{"of a log that is not described", of("", "declined:failure done:success"), "It was declined before."},
		{"the same again", of("", "done:success settled:success"), ""},
		{"what has no meaning is passed over", of("", "done:success what"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 0, rule)
			w.now = w.now.Add(1e12)
			w.commit((&log{gen: 1, said: tc.log}).whole(t, w.schema))
			w.flush()
			var said []string
			for _, f := range w.findings {
				said = append(said, f.Message)
			}
			if got := strings.Join(said, "\n"); got != tc.want {
				t.Errorf("said %q, want %q", got, tc.want)
			}
		})
	}
}
