package parsers

import (
	"bytes"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// A width says how the text of a file lies in its bytes. Programs on Windows, SQL Server for one, write UTF-16 with a
// byte order mark in front. Its lines are decoded to UTF-8 one by one; offsets and spans stay those of the file's bytes.
type width uint8

const (
	narrow     width = iota // UTF-8, or whatever has one byte for a line ending
	wideLittle              // UTF-16, the low byte first
	wideBig
)

// utf8Mark is what programs on Windows write in front of UTF-8. It is no text, but belongs to the span of the first line.
var utf8Mark = []byte("\xef\xbb\xbf")

// textAt returns the text of the line that lies at off, as UTF-8 and without its ending.
func (d *Decoder) textAt(line []byte, off int64) []byte {
	switch {
	case d.width != narrow:
		line = d.width.decode(nil, line, off)
	case off == 0:
		line = bytes.TrimPrefix(line, utf8Mark)
	}
	return trimEOL(line)
}

// widthOf returns the width of the file that begins with head.
func widthOf(head []byte) width {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return wideLittle
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return wideBig
	}
	return narrow
}

// wideLines decodes the lines of block. A block ends behind a byte 0x0A, which in wideLittle is the first of the two
// of a line ending: the second is then the first byte of the next block, and belongs to the span of its first line.
func (d *Decoder) wideLines(block []byte, off int64, now time.Time) {
	if d.width == wideLittle && off%2 == 1 && len(block) == 1 { // the file's last byte: no line, but read
		d.mark.Lines.Bytes++
		return
	}
	for len(block) > 0 {
		n := d.width.line(block, off)
		d.utf8 = d.width.decode(d.utf8[:0], block[:n], off)
		d.decodeLine(trimEOL(d.utf8), event.Span{Off: off, Len: int32(n)}, now)
		block, off = block[n:], off+int64(n)
	}
}

// line returns the length of the first line of block. Code units begin at even offsets, so a byte 0x0A of another
// character is none of a line ending.
func (w width) line(block []byte, off int64) int {
	for i := 0; ; i++ {
		n := bytes.IndexByte(block[i:], '\n')
		if n < 0 {
			return len(block)
		}
		i += n
		even := (off+int64(i))%2 == 0
		switch {
		case w == wideLittle && even && i+1 == len(block):
			return i + 1
		case w == wideLittle && even && block[i+1] == 0:
			return i + 2
		case w == wideBig && !even && (i == 0 || block[i-1] == 0):
			return i + 1
		}
	}
}

// decode appends the text of a line that begins at off. A byte order mark at the beginning of the file is no text, nor
// is half a code unit: the rest of the line ending before, or the beginning of its own.
func (w width) decode(dst, line []byte, off int64) []byte {
	if off%2 == 1 {
		line = line[1:]
	}
	unit := func(i int) rune {
		if w == wideLittle {
			return rune(line[i]) | rune(line[i+1])<<8
		}
		return rune(line[i])<<8 | rune(line[i+1])
	}
	for i := 0; i+1 < len(line); i += 2 {
		r := unit(i)
		if r == 0xfeff && off == 0 && i == 0 {
			continue
		}
		if utf16.IsSurrogate(r) {
			low := rune(0)
			if i+3 < len(line) {
				low = unit(i + 2)
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 2
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
