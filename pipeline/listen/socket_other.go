//go:build !linux

package listen

import "net"

// enlarge asks the kernel for a large buffer.
func enlarge(c *net.UDPConn) error { return c.SetReadBuffer(receiveBuffer) }

// dropped returns 0: only Linux tells how many datagrams it could not keep.
func dropped(*net.UDPConn) (int64, error) { return 0, nil }
