package parsers

import (
	"net/netip"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
)

var addresses = []string{"10.0.0.7", "255.255.255.255", "0.0.0.0", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.04", "1..2.3", ".1.2.3", "1.2.3.", "::",
	"::1", "2001:db8::1", "::ffff:10.0.0.7", "fe80::1%eth0", "1", "cafe", "12ab::g", "1.2.3.4:80", "2001:DB8:0:0:0:0:0:1", "::1.2.3.4.5", "-1.2.3.4", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
	"1::2::3", ":1", "1:", "12345::", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", ":::", "::1:"}

// FuzzAddr holds addresses equal to net/netip's.
func FuzzAddr(f *testing.F) {
	for _, a := range addresses {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := netip.ParseAddr(text)
		got, ok := parseAddr([]byte(text))
		if valid := err == nil; ok != valid || ok && got != event.IPFrom(want.WithZone("")) {
			t.Errorf("%q is %v, %v; net/netip says %v, %v", text, got, ok, want, err)
		}
	})
}

func TestAddressesAreReadWithoutAllocating(t *testing.T) {
	v4, v6 := []byte("203.0.113.77"), []byte("2001:db8::1")
	if n := testing.AllocsPerRun(100, func() { parseAddr(v4); parseAddr(v6) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
