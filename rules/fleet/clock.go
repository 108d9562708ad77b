package fleet

import (
	"context"
	"time"
)

// A clock is the cluster's. A host's own may be an hour off, or be put right while the rules run; what is judged by it
// would then not be what another host goes on from. Between two looks at the cluster's clock the time that passes is measured,
// which no setting of a clock has a part in.
//
// It never goes back, since what was read is judged in the order of time: where the cluster's clock is behind, it runs at half its
// speed until that has caught up. It is for one goroutine.
type clock struct {
	cluster Cluster
	at      time.Time // the time
	seen    time.Time // when it was that, by the own clock
	slow    bool      // the cluster's is behind
}

// lookEvery is how often the cluster is asked for its time.
const lookEvery = 10 * time.Second

// stepped is by how much the own clock has to differ from the time that was measured to have been set, or the machine to have slept: how much
// time has passed is not known then.
const stepped = time.Second

// look asks the cluster for its time if that may not be known. An error says that it is not.
func (c *clock) look(ctx context.Context) error {
	own := time.Now()
	passed := own.Sub(c.seen) // by the monotonic clock
	step := own.Round(0).Sub(c.seen.Round(0)) - passed
	if !c.seen.IsZero() && passed < lookEvery && step.Abs() < stepped {
		return nil
	}
	at, err := c.cluster.Time(ctx)
	switch {
	case err == nil:
		c.set(at)
	case !c.seen.IsZero() && step.Abs() < stepped:
		return nil // it is asked again in the next round
	}
	return err
}

// set sets the clock to the cluster's time, or lets it wait for that.
func (c *clock) set(at time.Time) {
	at = at.Round(0)
	now := at
	if !c.seen.IsZero() {
		now = c.now()
	}
	if c.slow = now.After(at); !c.slow {
		now = at
	}
	c.at, c.seen = now, time.Now()
}

// reach sets the clock on to a time, if it is before that.
func (c *clock) reach(at time.Time) {
	if at.After(c.now()) {
		c.at, c.seen, c.slow = at, time.Now(), true
	}
}

// now returns the time.
func (c *clock) now() time.Time {
	passed := time.Since(c.seen)
	if c.slow {
		passed /= 2
	}
	return c.at.Add(passed)
}
