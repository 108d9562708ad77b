package fleet

import (
	"context"
	"errors"
	"testing"
	"time"
)

// told is a cluster that tells a time, or does not.
type told struct {
	Cluster
	at  time.Time
	err error
}

func (c *told) Time(context.Context) (time.Time, error) { return c.at, c.err }

// The fleet's clock follows the cluster's, is never put back, and goes on where the cluster does not tell its time.
func TestTheClockIsTheClustersAndNeverGoesBack(t *testing.T) {
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	cluster := &told{err: errors.New("away")}
	c := clock{cluster: cluster}
	look := func(passed time.Duration) error {
		c.seen = c.seen.Add(-passed)
		return c.look(t.Context())
	}
	near := func(what string, want time.Time) {
		t.Helper()
		if d := c.now().Sub(want); d < 0 || d > time.Second {
			t.Errorf("%s it is %s, want %s", what, c.now(), want)
		}
	}
	if err := c.look(t.Context()); err == nil {
		t.Error("it knows a time that nobody has told")
	}
	cluster.at, cluster.err = noon, nil
	if err := c.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	near("at first", noon)
	cluster.err = errors.New("away")
	if err := look(time.Minute); err != nil {
		t.Errorf("it has run on, and says %v", err)
	}
	near("a minute later, unasked,", noon.Add(time.Minute))
	cluster.at, cluster.err = noon.Add(time.Hour), nil
	if err := look(time.Minute); err != nil {
		t.Fatal(err)
	}
	near("set on", noon.Add(time.Hour))
	cluster.at = noon.Add(time.Minute)
	if err := look(lookEvery); err != nil {
		t.Fatal(err)
	}
	near("put back", noon.Add(time.Hour+lookEvery))
	c.seen = c.seen.Add(-time.Minute)
	near("a minute later", noon.Add(time.Hour+lookEvery+time.Minute/2))
	c.reach(noon.Add(3 * time.Hour))
	near("where another had come further", noon.Add(3*time.Hour))
	cluster.at = noon.Add(4 * time.Hour)
	if err := look(lookEvery); err != nil {
		t.Fatal(err)
	}
	near("caught up", noon.Add(4*time.Hour))
	c.seen = c.seen.Add(-time.Second)
	near("a second later", noon.Add(4*time.Hour+time.Second))
}
