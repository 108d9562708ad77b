//go:build !unix

package document

import "os/exec"

// endWhole does nothing where there are no groups of processes: Chromium's end themselves when the first one is gone.
func endWhole(*exec.Cmd) {}
