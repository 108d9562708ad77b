// Package resources samples how much of a machine's processors, memory and file systems is in use. Each sample is some
// lines of JSON in a spool, where they are followed as a log is.
package resources

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

// A Spool takes lines of a sender, each with its ending.
type Spool interface {
	Append(from string, lines []byte) (int, error)
	Refuse(lines int64) // counts lines that it did not take
}

// Config says how often, and where to.
type Config struct {
	Every  time.Duration
	Spool  Spool
	Sender string // that the spool's file is named after
}

// A Sampler samples this machine. Run is called once, Status at any time.
type Sampler struct {
	cfg  Config
	last cpu.TimesStat

	mu sync.Mutex
	s  Status
}

// A Status is how it stands. Counts are of this run.
type Status struct {
	Samples int64
	Err     error // of the last sample
}

// New returns a sampler.
func New(cfg Config) *Sampler { return &Sampler{cfg: cfg} }

// Status tells how it stands.
func (s *Sampler) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s
}

// Run samples every so often until ctx ends. What fails is told by Status and tried again. The first sample tells of the
// first interval, since the use of processors is of one.
func (s *Sampler) Run(ctx context.Context) error {
	if _, err := s.cpu(ctx); err != nil {
		s.note(err)
	}
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		lines, n, err := s.sample(ctx, time.Now().UTC())
		if ctx.Err() != nil {
			return nil
		}
		if _, full := s.cfg.Spool.Append(s.cfg.Sender, lines); full != nil {
			s.cfg.Spool.Refuse(n)
			err = errors.Join(err, full)
		}
		s.note(err)
	}
}

func (s *Sampler) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Samples++
	s.s.Err = err
}

// A machine is the line about processors and memory. Shares are from 0 to 1.
type machine struct {
	Time   time.Time `json:"time"`
	Metric string    `json:"metric"`
	CPU    *float64  `json:"cpu,omitempty"` // of all processors, since the sample before
	Memory *float64  `json:"memory,omitempty"`
	Swap   *float64  `json:"swap,omitempty"`
	Load   *float64  `json:"load,omitempty"` // of the last minute
}

// A filesystem is the line about one of them.
type filesystem struct {
	Time   time.Time `json:"time"`
	Metric string    `json:"metric"`
	Mount  string    `json:"mount"`
	Used   float64   `json:"used"` // of what is not kept for root
	Inodes *float64  `json:"inodes,omitempty"`
	Free   uint64    `json:"free"`  // bytes
	Total  uint64    `json:"total"` // bytes
}

// sample returns the lines of a sample and their number. What cannot be asked is left out and told by the error.
func (s *Sampler) sample(ctx context.Context, now time.Time) ([]byte, int64, error) {
	m := machine{Time: now, Metric: "machine"}
	var errs []error
	var err error
	if m.CPU, err = s.cpu(ctx); err != nil {
		errs = append(errs, err)
	}
	if v, err := mem.VirtualMemoryWithContext(ctx); err != nil {
		errs = append(errs, err)
	} else {
		m.Memory = share(v.Total-min(v.Available, v.Total), v.Total)
	}
	if v, err := mem.SwapMemoryWithContext(ctx); err == nil {
		m.Swap = share(v.Used, v.Total)
	}
	if v, err := load.AvgWithContext(ctx); err == nil {
		m.Load = &v.Load1
	}
	lines := []any{m}
	disks, err := filesystems(ctx, now)
	for _, d := range disks {
		lines = append(lines, d)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range lines {
		errs = append(errs, enc.Encode(l))
	}
	return b.Bytes(), int64(len(lines)), errors.Join(append(errs, err)...)
}

// cpu returns the share of processors in use since it was called last, nil the first time.
func (s *Sampler) cpu(ctx context.Context) (*float64, error) {
	all, err := cpu.TimesWithContext(ctx, false)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	last := s.last
	s.last = all[0]
	busy, total := spent(all[0])
	busyBefore, totalBefore := spent(last)
	if totalBefore == 0 || total <= totalBefore {
		return nil, nil
	}
	used := min(max((busy-busyBefore)/(total-totalBefore), 0), 1)
	return &used, nil
}

// spent returns the seconds that processors were busy, and all. What guests take is in the user's time already.
func spent(t cpu.TimesStat) (busy, total float64) {
	busy = t.User + t.System + t.Nice + t.Irq + t.Softirq + t.Steal
	return busy, busy + t.Idle + t.Iowait
}

// filesystems returns those on disks, each device once.
func filesystems(ctx context.Context, now time.Time) ([]filesystem, error) {
	parts, err := disk.PartitionsWithContext(ctx, false)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(parts, func(p disk.PartitionStat) bool { return p.Mountpoint == "/" }) {
		parts = append(parts, disk.PartitionStat{Device: "/", Mountpoint: "/"}) // that of a container is on no disk
	}
	var out []filesystem
	var devices []string
	for _, p := range parts {
		if slices.Contains(devices, p.Device) || slices.Contains(readOnlyTypes, p.Fstype) {
			continue
		}
		u, err := disk.UsageWithContext(ctx, p.Mountpoint)
		if err != nil || u.Total == 0 { // it is not this user's to ask, or gone
			continue
		}
		devices = append(devices, p.Device)
		f := filesystem{Time: now, Metric: "filesystem", Mount: p.Mountpoint, Free: u.Free, Total: u.Total}
		if sum := u.Used + u.Free; sum > 0 { // as df tells it: without what is kept for root
			f.Used = float64(u.Used) / float64(sum)
		}
		f.Inodes = share(u.InodesUsed, u.InodesTotal)
		out = append(out, f)
	}
	return out, nil
}

// readOnlyTypes are file systems that are full by their nature.
var readOnlyTypes = []string{"squashfs", "iso9660", "erofs", "cramfs", "romfs"}

func share(part, whole uint64) *float64 {
	if whole == 0 {
		return nil
	}
	v := float64(part) / float64(whole)
	return &v
}
