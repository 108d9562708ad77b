//go:build unix

package document

import (
	"os/exec"
	"syscall"
)

// endWhole makes that a command which is ended takes with it the processes that it has started.
func endWhole(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
