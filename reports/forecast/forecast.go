// Package forecast says when file systems will be full, from the samples of [resources] that the daemon stores.
//
// It stands behind the store, for reports and for the daemon's own findings.
package forecast

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Over is how much of the past a forecast looks at, and Least how much of it has to be known.
const (
	Over  = 14 * 24 * time.Hour
	Least = 2 * 24 * time.Hour
)

// What a person has to be told: a disk that is full within Soon, and without delay one that is full within Urgent.
const (
	Soon   = 14 * 24 * time.Hour
	Urgent = 3 * 24 * time.Hour
)

// A Disk is a file system with its forecast.
type Disk struct {
	Host   string
	Mount  string
	Total  int64         // bytes
	Free   int64         // bytes that may still be written, at the last sample
	PerDay float64       // bytes a day by which what is used grows; NaN is not known
	Known  time.Duration // from the first sample looked at to the last
	Last   time.Time     // the hour of the last sample
	Full   time.Time
}

// Used is the share of a file system that may not be written any more, 0 to 1.
func (d *Disk) Used() float64 {
	if d.Total == 0 {
		return math.NaN()
	}
	return 1 - float64(d.Free)/float64(d.Total)
}

const (
	mountField = "system.filesystem.mount_point"
	freeField  = "system.filesystem.available"
	totalField = "system.filesystem.total"
)

// Disks returns the file systems of a site's hosts of which there are samples in the time before now, those that are full first
// first. The growth is the slope of the line through the least space that was free in each hour, by least squares: what comes and
// goes within a day does not bend it. The error is of the store.
func Disks(ctx context.Context, store storage.Reader, v access.View, schema *event.Schema, site string, now time.Time) ([]Disk, error) {
	where, err := query.Parse("event.action:filesystem_sampled", schema, now)
	if err != nil {
		return nil, fmt.Errorf("forecast disks: %w", err)
	}
	t, err := store.Aggregate(ctx, v, query.Agg{
		Where: query.And{where, query.OfSite(site)}, During: query.Interval{From: now.Add(-Over).UnixMicro(), To: now.UnixMicro()},
		By: []string{"host.name", mountField}, Every: time.Hour, Values: []query.Measure{{Fn: "min", Field: freeField}, {Fn: "max", Field: totalField}},
	})
	if err != nil {
		return nil, fmt.Errorf("forecast disks: %w", err)
	}
	type point struct{ at, free, total float64 }
	points := map[[2]string][]point{}
	for _, r := range t.Rows {
		if r.Key[1] != "" && !math.IsNaN(r.Values[0]) {
			k := [2]string{r.Key[0], r.Key[1]}
			points[k] = append(points[k], point{float64(r.Time), r.Values[0], r.Values[1]})
		}
	}
	var out []Disk
	for k, list := range points {
		first, last := list[0], list[len(list)-1]
		d := Disk{
			Host: k[0], Mount: k[1], Free: int64(last.free), Total: int64(last.total), PerDay: math.NaN(),
			Known: time.Duration(last.at-first.at) * time.Microsecond, Last: time.UnixMicro(int64(last.at)).UTC(),
		}
		if d.Known >= Least {
			xs, ys := make([]float64, len(list)), make([]float64, len(list))
			for i, p := range list {
				xs[i], ys[i] = (p.at-first.at)/day, p.free
			}
			d.PerDay = -slope(xs, ys)
			if left := last.free / d.PerDay; d.PerDay > 0 && left < maxDays {
				d.Full = d.Last.Add(time.Duration(left * float64(24*time.Hour)))
			}
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b Disk) int {
		return cmp.Or(cmp.Compare(a.order(), b.order()), cmp.Compare(b.Used(), a.Used()), strings.Compare(a.Host, b.Host), strings.Compare(a.Mount, b.Mount))
	})
	return out, nil
}

// day is a day in the times of a store; what is further away than maxDays is no forecast.
const (
	day     = float64(24 * time.Hour / time.Microsecond)
	maxDays = 3650
)

// order puts what will be full first, what will not be last.
func (d *Disk) order() int64 {
	if d.Full.IsZero() {
		return math.MaxInt64
	}
	return d.Full.UnixMicro()
}

// slope is that of the line of least squares through points.
func slope(xs, ys []float64) float64 {
	n := float64(len(xs))
	var x, y float64
	for i := range xs {
		x, y = x+xs[i]/n, y+ys[i]/n
	}
	var up, down float64
	for i := range xs {
		up += (xs[i] - x) * (ys[i] - y)
		down += (xs[i] - x) * (xs[i] - x)
	}
	return up / down
}
