package journal

import (
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel end a command when this process is killed (prctl(2), PR_SET_PDEATHSIG).
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
