package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/configs"
)

// A Deviation makes a finding of a value that is less than Below times, or more than Above times, what it mostly was: the median of the
// group's last values, at least three of them, that lie within Within.
type Deviation struct {
	Of     string           `toml:"of"`    // a field that is a number; events without it do not count
	Below  float64          `toml:"below"` // 0: it may be as little as it likes
	Above  float64          `toml:"above"` // 0: it may be as much as it likes
	Last   int              `toml:"last"`  // so many values; 0: 7
	Within configs.Duration `toml:"within"`
}

// maxLast bounds the values of a group, and leastLast is how many make what is usual.
const (
	maxLast   = 100
	leastLast = 3
)

func (k *Deviation) check(fail func(key, format string, args ...any)) {
	switch {
	case k.Of == "":
		fail("deviation.of", "missing: the value of which field?")
	case k.Below == 0 && k.Above == 0:
		fail("deviation.below", "want below, above or both: how many times what is usual?")
	case k.Below < 0 || k.Below >= 1:
		fail("deviation.below", "want a part of what is usual, such as 0.5")
	case k.Above != 0 && (k.Above <= 1 || k.Above > maxTimes):
		fail("deviation.above", "want more than 1: how many times as much as usual?")
	}
	if k.Last != 0 && (k.Last < leastLast || k.Last > maxLast) {
		fail("deviation.last", "want %d to %d values", leastLast, maxLast)
	}
}

// deviations judge a value by what it mostly was.
type deviations struct {
	rule   *compiled
	last   int
	groups recent[[]value]

	usual float64 // what the latest was compared with
	known bool    // and whether there was enough for that
}

// A value is one of the last of a group.
type value struct{ at, n int64 }

func newDeviations(r *compiled) *deviations {
	d := &deviations{rule: r, last: r.Deviation.Last}
	if d.last == 0 {
		d.last = 7
	}
	d.groups.keep = d.memory().Microseconds()
	return d
}

func (d *deviations) memory() time.Duration { return time.Duration(d.rule.Deviation.Within) }

func (d *deviations) take(e *Engine, h *hit) {
	if h.weight == 0 { // it has no such value
		return
	}
	k, n := d.rule.Deviation, h.weight
	values, _ := remember(e, h, &d.groups)
	*values = slices.DeleteFunc(*values, func(v value) bool { return v.at <= h.time-micros(k.Within) })
	d.usual, d.known = median(*values)
	if *values = append(*values, value{h.time, n}); len(*values) > d.last {
		*values = slices.Delete(*values, 0, 1)
	}
	switch amount := float64(n); {
	case !d.known:
		return
	case k.Below > 0 && amount < k.Below*d.usual:
	case k.Above > 0 && amount > k.Above*d.usual:
	default:
		return
	}
	e.count(h, 1)
	e.held.hold(h)
	e.report([]*hit{&e.held}, report{
		time: h.time, count: 1, said: fmt.Sprintf("%s is %d, %.1f %% of the usual %.0f.", k.Of, n, 100*float64(n)/d.usual, d.usual),
	})
}

// median returns the middle of what there is, and whether that is enough to call it usual.
func median(values []value) (usual float64, known bool) {
	if len(values) < leastLast {
		return 0, false
	}
	var room [maxLast]int64
	sorted := room[:0]
	for _, v := range values {
		sorted = append(sorted, v.n)
	}
	slices.Sort(sorted)
	return float64(sorted[(len(sorted)-1)/2]+sorted[len(sorted)/2]) / 2, true
}
