//go:build !race

package parsers_test

import (
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// The race detector lets pools forget at random, so allocations are counted without it.
func TestACarryAllocatesNothing(t *testing.T) {
	set, err := parsers.Load(config(carrying+"start = { \"message\" = \"hello\" }\nonce = true\n"), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(strings.Repeat("7 from 10.0.0.7\n7 hello\n8 from db1.example\n8 bye\n7 from 10.0.0.8\n7 bye\n", 100))
	d := decoder(t, set, "app", "x.log")
	off := int64(0)
	pass := func() {
		var b event.Batch
		d.Decode(&b, text, off)
		off += int64(len(text))
		b.Release()
	}
	pass()
	if n := testing.AllocsPerRun(20, pass); n > 20 {
		t.Errorf("%v allocations in 600 lines", n)
	}
}
