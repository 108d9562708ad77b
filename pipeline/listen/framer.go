package listen

import "bytes"

// A framer cuts a stream into messages as RFC 6587 has it: each begins with its length in bytes, or ends with a line feed. Each message
// is looked at by itself, since senders mix both. What it makes of a stream does not depend on how that comes in pieces.
type framer struct {
	max  int    // bytes of a message that are kept
	head []byte // what may be the beginning of a length
	msg  []byte // of the message that has begun
	size int64  // bytes of it so far
	want int64  // its length; 0: it ends with a line feed
	in   bool   // a message has begun
	cut  int64  // messages that were longer than max, or whose end did not come
}

// add appends the messages that end in data to dst, as lines.
func (f *framer) add(dst, data []byte) []byte {
	if len(f.head) > 0 {
		data = append(f.head, data...)
		f.head = nil
	}
	for len(data) > 0 {
		if !f.in {
			want, n, known := length(data)
			if !known {
				f.head = bytes.Clone(data)
				return dst
			}
			f.in, f.want, data = true, want, data[n:]
		}
		n, whole := len(data), false
		if f.want > 0 {
			if left := f.want - f.size; int64(n) >= left {
				n, whole = int(left), true
			}
			f.keep(data[:n])
			data = data[n:]
		} else {
			rest := data[n:]
			if i := bytes.IndexByte(data, '\n'); i >= 0 {
				n, rest, whole = i, data[i+1:], true
			}
			f.keep(data[:n])
			data = rest
		}
		if whole {
			dst = f.end(dst)
		}
	}
	return dst
}

// rest appends the message that has begun and whose end will not come.
func (f *framer) rest(dst []byte) []byte {
	f.keep(f.head)
	f.head = nil
	if f.size == 0 {
		return dst
	}
	if f.want > 0 && f.size <= int64(f.max) {
		f.cut++
	}
	return f.end(dst)
}

func (f *framer) keep(part []byte) {
	f.size += int64(len(part))
	f.msg = append(f.msg, part[:min(len(part), f.max-len(f.msg))]...)
}

func (f *framer) end(dst []byte) []byte {
	if f.size > int64(f.max) {
		f.cut++
	}
	dst = appendLine(dst, f.msg)
	f.msg, f.size, f.want, f.in = f.msg[:0], 0, 0, false
	return dst
}

// length returns the length of the message that data begins with, 0 where it is not told, and how many bytes tell it. It is not known
// where data is too short. A length is taken for one before a priority only: lines may begin with a number of their own.
func length(data []byte) (want int64, n int, known bool) {
	for n < len(data) && n < maxDigits && data[n] >= '0' && data[n] <= '9' && data[0] != '0' {
		want = want*10 + int64(data[n]-'0')
		n++
	}
	switch {
	case n == len(data), n+1 == len(data) && n > 0 && data[n] == ' ':
		return 0, 0, false
	case n > 0 && data[n] == ' ' && data[n+1] == '<':
		return want, n + 1, true
	}
	return 0, 0, true
}

// maxDigits bounds a length: a gigabyte.
const maxDigits = 10

// appendLine appends a message as one line: without the line ending that it may have itself, and with the line feeds and NULs in it as
// rsyslog writes them, #012 and #000. An empty one is none.
func appendLine(dst, msg []byte) []byte {
	msg = bytes.TrimRight(msg, "\r\n\x00")
	if len(msg) == 0 {
		return dst
	}
	for {
		i := unfit(msg)
		if i < 0 {
			return append(append(dst, msg...), '\n')
		}
		dst = append(append(dst, msg[:i]...), "#0"...)
		if msg[i] == 0 {
			dst = append(dst, "00"...)
		} else {
			dst = append(dst, "12"...)
		}
		msg = msg[i+1:]
	}
}

// unfit returns where the first byte stands that a line cannot have, -1 if there is none.
func unfit(msg []byte) int {
	i := bytes.IndexByte(msg, '\n')
	if i >= 0 {
		msg = msg[:i]
	}
	if k := bytes.IndexByte(msg, 0); k >= 0 {
		return k
	}
	return i
}
