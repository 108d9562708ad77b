package listen

import (
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

// enlarge asks the kernel for a large buffer, beyond net.core.rmem_max where we may.
func enlarge(c *net.UDPConn) error {
	if err := c.SetReadBuffer(receiveBuffer); err != nil {
		return err
	}
	return control(c, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != unix.EPERM {
			return err
		}
		return nil
	})
}

// dropped returns how many datagrams the kernel could not keep (sock_diag(7), SK_MEMINFO_DROPS).
func dropped(c *net.UDPConn) (n int64, err error) {
	var info [9]uint32
	length := uint32(unsafe.Sizeof(info))
	err = control(c, func(fd int) error {
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&length)), 0)
		if errno != 0 {
			return errno
		}
		return nil
	})
	return int64(info[8]), err
}

func control(c *net.UDPConn, f func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
