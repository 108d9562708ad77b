package parsers_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
)

// Whatever a file holds: no panic, every line and byte in the account, every byte of the file in an event or ignored,
// every event valid JSON, and a restart in the middle changes nothing.
func FuzzDecode(f *testing.F) {
	formats := shipped(f).Formats()
	for i, format := range formats {
		text := sample(f, format)
		f.Add(uint8(i), uint16(700), text[:min(1500, len(text))])
		f.Add(uint8(i), uint16(100), append(bytes.Clone(text[:min(400, len(text))]), "\n\x00\r\n\tx\n\xff\n{\n"...))
	}
	f.Add(uint8(255), uint16(3), []byte("\n\n{}\n[]\n"))
	f.Fuzz(func(t *testing.T, which uint8, cut uint16, text []byte) {
		format := "auto"
		if int(which) < len(formats) {
			format = formats[which]
		}
		at := bytes.LastIndexByte(text[:min(int(cut), len(text))], '\n') + 1
		d := decoder(t, shipped(t), format, "x.log")
		var b event.Batch
		d.Decode(&b, text[:at], 0)
		m := d.Mark()
		d.Decode(&b, text[at:], int64(at))
		d.Flush(&b, near, true)
		covered := int64(0)
		for _, p := range b.Pages {
			for i := range p.N {
				if e := p.Row(i).AppendJSON(nil); !json.Valid(e) {
					t.Fatalf("no JSON: %q", e)
				}
				for _, s := range p.RowSpans(i) {
					covered += int64(s.Len)
				}
			}
		}
		balanced(t, d, text)
		a := d.Mark().Lines
		if covered > a.Bytes || a.Ignored == 0 && covered != a.Bytes {
			t.Fatalf("the events cover %d of %d bytes, %d lines were ignored", covered, a.Bytes, a.Ignored)
		}
		all := byOffset(collect(nil, &b))

		if format == "auto" { // detection looks at the first block, which the cut has changed
			return
		}
		d = decoder(t, shipped(t), format, "x.log")
		d.Decode(&b, text[:at], 0)
		before := collect(nil, &b)
		again := decoder(t, shipped(t), format, "x.log")
		if err := again.Resume(m, func(s event.Span) ([]byte, error) { return text[s.Off:s.End()], nil }); err != nil {
			t.Fatal(err)
		}
		again.Decode(&b, text[at:], int64(at))
		again.Flush(&b, near, true)
		same(t, "resumed", byOffset(collect(before, &b)), all)
	})
}
