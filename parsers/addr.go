package parsers

import (
	"bytes"

	"github.com/saypro/veritail/pipeline/event"
)

// ipv4 is what stands before an IPv4 address in the IPv6 address that it is kept as.
const ipv4 = 0xffff << 32

// parseAddr parses an IP address as net/netip does, without allocating. The zone of an IPv6 address, which is the number
// or name of an interface on the machine that wrote it, is taken off.
func parseAddr(b []byte) (event.IP, bool) {
	if ip, ok := parseIPv4(b); ok {
		return event.IP{Lo: ipv4 | uint64(ip)}, true
	}
	if i := bytes.IndexByte(b, '%'); i >= 0 && i < len(b)-1 {
		b = b[:i]
	}
	return parseIPv6(b)
}

// parseIPv4 parses four decimal numbers up to 255 without leading zeros, parted by points.
func parseIPv4(b []byte) (ip uint32, ok bool) {
	part, digits, points := uint32(0), 0, 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			if digits > 0 && part == 0 {
				return 0, false
			}
			part = part*10 + uint32(c-'0')
			if digits++; part > 255 {
				return 0, false
			}
		case c == '.' && digits > 0 && points < 3:
			ip, part, digits = ip<<8|part, 0, 0
			points++
		default:
			return 0, false
		}
	}
	return ip<<8 | part, points == 3 && digits > 0
}

// parseIPv6 parses eight groups of up to four hexadecimal digits (RFC 4291, 2.2): one run of zero groups may be "::", and
// the last two groups an IPv4 address.
func parseIPv6(b []byte) (event.IP, bool) {
	var groups [8]uint64
	n, gap, i := 0, -1, 0
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, i = 0, 2
	}
	for i < len(b) && n < 8 {
		start, group := i, uint64(0)
		for i < len(b) && i-start < 4 {
			d, ok := hexDigit(b[i])
			if !ok {
				break
			}
			group = group<<4 | uint64(d)
			i++
		}
		if i == start {
			return event.IP{}, false
		}
		if i < len(b) && b[i] == '.' {
			ip, ok := parseIPv4(b[start:])
			if !ok || n > 6 || n < 6 && gap < 0 {
				return event.IP{}, false
			}
			groups[n], groups[n+1] = uint64(ip>>16), uint64(ip&0xffff)
			n, i = n+2, len(b)
			break
		}
		groups[n] = group
		n++
		if i == len(b) {
			break
		}
		if b[i] != ':' || i+1 == len(b) {
			return event.IP{}, false
		}
		if i++; b[i] == ':' {
			if gap >= 0 {
				return event.IP{}, false
			}
			gap = n
			i++
		}
	}
	if i < len(b) || (n == 8) != (gap < 0) {
		return event.IP{}, false
	}
	if gap >= 0 {
		copy(groups[8-(n-gap):], groups[gap:n])
		clear(groups[gap : 8-(n-gap)])
	}
	return event.IP{
		Hi: groups[0]<<48 | groups[1]<<32 | groups[2]<<16 | groups[3],
		Lo: groups[4]<<48 | groups[5]<<32 | groups[6]<<16 | groups[7],
	}, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
