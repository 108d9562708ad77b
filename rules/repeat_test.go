package rules

import (
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
)

func TestRepeat(t *testing.T) {
	t.Parallel()
	rule := func(copies int, within float64) Rule {
		return Rule{When: "event.action:*", Repeat: []Repeat{{From: "event.action:error", By: []string{"user.name", "source.ip"}, Within: seconds(within), Copies: copies}}}
	}
	all, twice := rule(0, 10), rule(2, 1)
	ann, bob := "event.action=error user.name=ann", "event.action=error user.name=bob"
	for _, tc := range []struct {
		name string
		rule Rule
		logs [][]said
		want string
	}{
		{"what is said again is the same", all, [][]said{{{0, ann}, {1, ann}, {10, ann}}}, "1"},
		{"after its time it counts anew, however often it was said", all, [][]said{{{0, ann}, {9, ann}, {10.000001, ann}, {20, ann}}}, "2"},
		{"others are others", all, [][]said{{{0, ann}, {1, bob}, {2, ann}, {3, ann + " source.ip=10.0.0.1"}}}, "3"},
		{"events of another kind count", all, [][]said{{{0, ann}, {1, "event.action=other user.name=ann"}}}, "2"},
		{"another log may say it again", all, [][]said{{{0, ann}}, {{1, ann}}}, "1"},
		{"a log that writes each twice is divided by two", twice, [][]said{{{0, ann}, {0, ann}, {0, ann}, {0, ann}}}, "2"},
		{"one that wrote it once keeps it", twice, [][]said{{{0, ann}, {0, ann}, {0, ann}}}, "2"},
		{"copies may stand between others", twice, [][]said{{{0, ann}, {0, bob}, {0, ann}, {0, bob}}}, "2"},
		{"a copy that comes too late is no copy", twice, [][]said{{{0, ann}, {1.000001, ann}}}, "2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.rule.Group = "log.level" // of none
			var logs []log
			for _, s := range tc.logs {
				logs = append(logs, log{said: s})
			}
			if _, got := scan(t, tc.rule, logs...); got != tc.want+", groups -="+tc.want {
				t.Errorf("counted %s, want %s", got, tc.want)
			}
		})
	}
}

func TestRepeatIsCheckedAndRemembered(t *testing.T) {
	t.Parallel()
	var keys []string
	r := Rule{Repeat: []Repeat{{Copies: 1}}}
	r.checkCounting(func(key, _ string, _ ...any) { keys = append(keys, key) })
	if len(keys) != 3 {
		t.Errorf("faults of %q, want those of within, by and copies", keys)
	}
	c := compiled{Rule: &Rule{Repeat: []Repeat{{Within: configs.Duration(time.Hour)}}}}
	if got := c.memory(); got != time.Hour {
		t.Errorf("a restart reads %v back, want an hour", got)
	}
}
