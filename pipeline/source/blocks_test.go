package source

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/saypro/veritail/pipeline/event"
)

// cuts reads all blocks of r and renders each as "offset text" or "offset head… length".
type cut struct {
	off  int64
	text string
	long int64
}

func readBlocks(t *testing.T, b *Blocks) (all []cut) {
	t.Helper()
	var a event.Arena
	for {
		blk, err := b.Next(&a)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cut{blk.Off, string(blk.Data), blk.Long})
	}
	if blk, ok := b.Rest(&a); ok {
		all = append(all, cut{blk.Off, string(blk.Data), blk.Long})
	}
	return all
}

func TestBlocks(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []cut
	}{
		{"nothing", "", nil},
		{"one line", "a\n", []cut{{0, "a\n", 0}}},
		{"whole lines stay together", "a\n\nbc\n", []cut{{0, "a\n\nbc\n", 0}}},
		{"a last line without an ending comes by itself", "a\nbc", []cut{{0, "a\n", 0}, {2, "bc", 0}}},
		{"only a line without an ending", "abc", []cut{{0, "abc", 0}}},
		{"a line as long as the bound is whole", "1234567\nx\n", []cut{{0, "1234567\n", 0}, {8, "x\n", 0}}},
		{"a longer one is given as its beginning", "12345678\nx\n", []cut{{0, "1234", 9}, {9, "x\n", 0}}},
		{"a very long one, in the middle", "a\n" + strings.Repeat("z", 100) + "\nx\ny", []cut{{0, "a\n", 0}, {2, "zzzz", 101}, {103, "x\n", 0}, {105, "y", 0}}},
		{"a long one without an ending", "a\n" + strings.Repeat("z", 20), []cut{{0, "a\n", 0}, {2, "zzzz", 20}}},
		{"two long ones", "123456789\nabcdefghi\n", []cut{{0, "1234", 10}, {10, "abcd", 10}}},
		{"carriage returns and NUL bytes are bytes like others", "a\r\n\x00\n", []cut{{0, "a\r\n\x00\n", 0}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := readBlocks(t, NewBlocks(strings.NewReader(tc.text), 0, 8)); !same(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			if got := readBlocks(t, NewBlocks(iotest.OneByteReader(strings.NewReader(tc.text)), 0, 8)); !same(got, tc.want) {
				t.Errorf("byte by byte: got %v, want %v", got, tc.want)
			}
			if got := readBlocks(t, NewBlocks(iotest.DataErrReader(strings.NewReader(tc.text)), 0, 8)); !same(got, tc.want) {
				t.Errorf("end with the data: got %v, want %v", got, tc.want)
			}
		})
	}
}

// same compares cuts; how whole lines are spread over blocks is the reader's affair.
func same(a, b []cut) bool { return slices.Equal(joined(a), joined(b)) }

func joined(cuts []cut) (all []cut) {
	for _, c := range cuts {
		if n := len(all); n > 0 && c.long == 0 && all[n-1].long == 0 {
			if all[n-1].off+int64(len(all[n-1].text)) != c.off {
				return nil
			}
			all[n-1].text += c.text
			continue
		}
		all = append(all, c)
	}
	return all
}

func TestBlocksGoOnWhenTheStreamGrows(t *testing.T) {
	var in bytes.Buffer
	var a event.Arena
	b := NewBlocks(&in, 1000, 0)
	for _, step := range []struct {
		add, want string
		off       int64
	}{
		{"a\nhal", "a\n", 1000},
		{"f of", "", 0},
		{" it\nb\nc", "half of it\nb\n", 1002},
		{"\n", "c\n", 1015},
	} {
		in.WriteString(step.add)
		blk, err := b.Next(&a)
		if step.want == "" {
			if err != io.EOF {
				t.Fatalf("after %q: block %q, error %v; want the end", step.add, blk.Data, err)
			}
			continue
		}
		if err != nil || string(blk.Data) != step.want || blk.Off != step.off {
			t.Fatalf("after %q: %q at %d, %v; want %q at %d", step.add, blk.Data, blk.Off, err, step.want, step.off)
		}
		if _, err := b.Next(&a); err != io.EOF {
			t.Fatalf("after %q: error %v, want the end", step.add, err)
		}
	}
	if b.kept != nil {
		t.Errorf("%d bytes are held while the stream rests at a line end", cap(b.kept))
	}
}

func TestBlocksHoldNoMoreThanTheirBound(t *testing.T) {
	var a event.Arena
	b := NewBlocks(io.MultiReader(iotest.HalfReader(strings.NewReader(strings.Repeat("x", 10<<20))), strings.NewReader("\nend\n")), 0, 1<<20)
	blk, err := b.Next(&a)
	if err != nil || blk.Long != 10<<20+1 || len(blk.Data) != longHead || cap(b.kept) > 1<<20 || cap(a.Buf) > 2<<20 {
		t.Fatalf("long %d, head %d, kept %d, arena %d, %v", blk.Long, len(blk.Data), cap(b.kept), cap(a.Buf), err)
	}
	if blk, err = b.Next(&a); err != nil || string(blk.Data) != "end\n" || blk.Off != 10<<20+1 {
		t.Fatalf("%q at %d, %v", blk.Data, blk.Off, err)
	}
}

func TestBlocksGiveWhatComesBeforeAnError(t *testing.T) {
	broken := errors.New("broken")
	var a event.Arena
	b := NewBlocks(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), 0, 0)
	if blk, err := b.Next(&a); err != nil || string(blk.Data) != "a\n" {
		t.Fatalf("%q, %v", blk.Data, err)
	}
	if _, err := b.Next(&a); err != broken {
		t.Fatalf("error %v", err)
	}
	if blk, ok := b.Rest(&a); !ok || string(blk.Data) != "b" || blk.Off != 2 {
		t.Fatalf("rest %q at %d", blk.Data, blk.Off)
	}
}

func TestAReaderThatGivesNothingIsAnError(t *testing.T) {
	if _, err := NewBlocks(idle{}, 0, 0).Next(&event.Arena{}); err != io.ErrNoProgress {
		t.Fatalf("error %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// FuzzBlocks holds the blocks equal to a plain split of the bytes, whatever they are and however they come.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte("a\nbb\n\nccccccccccccc\nd"), uint8(3))
	f.Add([]byte("\n\n\n"), uint8(1))
	f.Add(bytes.Repeat([]byte{0}, 50), uint8(7))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		const bound = 16
		b := NewBlocks(&steps{text, int(step%20) + 1}, 0, bound)
		var got []byte
		for _, c := range readBlocks(t, b) {
			if c.off != int64(len(got)) {
				t.Fatalf("block at %d after %d bytes", c.off, len(got))
			}
			if c.long == 0 {
				got = append(got, c.text...)
				continue
			}
			end := c.off + c.long
			line := text[c.off:end]
			if c.long < bound || !bytes.HasPrefix(line, []byte(c.text)) || bytes.IndexByte(line[:c.long-1], '\n') >= 0 {
				t.Fatalf("long line %q of %q", c.text, line)
			}
			got = append(got, line...)
		}
		if !bytes.Equal(got, text) {
			t.Fatalf("got %q, want %q", got, text)
		}
	})
}

// steps gives its bytes a few at a time.
type steps struct {
	b []byte
	n int
}

func (s *steps) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}

// BenchmarkBlocks cuts lines of 100 bytes; the floor is ten million lines a second.
func BenchmarkBlocks(b *testing.B) {
	text := []byte(strings.Repeat(strings.Repeat("x", 99)+"\n", 100_000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		blocks := NewBlocks(bytes.NewReader(text), 0, 0)
		for {
			var batch event.Batch
			_, err := blocks.Next(batch.Arena())
			batch.Release()
			if err != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "lines/s")
}
