package main

import "golang.org/x/sys/unix"

// clockCheck asks the kernel whether a time service keeps its clock. It is not ok where the kernel does not say.
func clockCheck() (machineCheck, bool) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil {
		return machineCheck{}, false
	}
	c := machineCheck{What: "the clock is kept by a time service"}
	if t.Status&unix.STA_UNSYNC != 0 {
		c.What = "the clock is kept by nobody"
		c.Problem = "the kernel says that it is not synchronised"
		c.Repair = "run chrony or systemd-timesyncd; times of several machines cannot be compared without"
	}
	return c, true
}
