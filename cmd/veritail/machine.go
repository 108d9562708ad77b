package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/saypro/veritail/configs"
)

// A machineCheck is one thing of the machine that the daemon needs.
type machineCheck struct {
	What    string `json:"what"`              // "12 files can be read", "the clock is kept"
	Problem string `json:"problem,omitempty"` // "" where there is none
	Repair  string `json:"repair,omitempty"`
}

// machineChecks looks at what the daemon needs of the machine, with the rights of who asks.
func machineChecks(cfg *configs.Daemon) []machineCheck {
	readable, files := readableCheck(cfg)
	checks := []machineCheck{readable}
	if c, ok := inotifyCheck(files); ok {
		checks = append(checks, c)
	}
	if c, ok := clockCheck(); ok {
		checks = append(checks, c)
	}
	return checks
}

// readableCheck opens every file of the configured sources, and returns how many there are.
func readableCheck(cfg *configs.Daemon) (machineCheck, int) {
	total, bad := 0, 0
	c := machineCheck{}
	for _, s := range cfg.Sources {
		for _, glob := range s.Paths {
			paths, err := filepath.Glob(glob)
			if err != nil {
				continue // the configuration was checked
			}
			for _, path := range paths {
				st, err := os.Stat(path)
				if err == nil && !st.Mode().IsRegular() {
					continue
				}
				total++
				f, err := os.Open(path)
				if err == nil {
					f.Close()
					continue
				}
				if bad++; bad == 1 {
					c.Problem, c.Repair = err.Error(), repair(path)
				}
			}
		}
	}
	c.What = fmt.Sprintf("%s of the configured sources can be read", count(total-bad, "file"))
	if bad > 0 {
		c.What = fmt.Sprintf("%d of %s of the configured sources cannot be read", bad, count(total, "file"))
	}
	return c, total
}

// inotifyCheck compares the kernel's limit with the files that are followed; beyond it they are polled. It is not ok where there is no such
// limit.
func inotifyCheck(files int) (machineCheck, bool) {
	limit, ok := kernelNumber("/proc/sys/fs/inotify/max_user_watches")
	if !ok {
		return machineCheck{}, false
	}
	c := machineCheck{What: fmt.Sprintf("inotify watches: %s allowed, %s needed", n(limit), n(int64(files)))}
	if int64(files) > limit {
		c.Problem = "too few; what is beyond is polled"
		c.Repair = fmt.Sprintf("sysctl fs.inotify.max_user_watches=%d, and the same in /etc/sysctl.d/", 2*files)
	}
	return c, true
}

func kernelNumber(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return v, err == nil
}
