package main

import (
	"testing"

	"github.com/saypro/veritail/storage"
)

func TestScannedText(t *testing.T) {
	for want, p := range map[string]storage.Progress{
		"Working":                {},
		"Looked at 2,000 events": {Read: 2000},
		" 38 %: looked at 3,824,128 of 10,000,000 events, 17 found": {Read: 3_824_128, Total: 10_000_000, Found: 17},
		"100 %: looked at 5 of 5 events":                            {Read: 5, Total: 5},
	} {
		if got := scannedText(p, "events"); got != want {
			t.Errorf("%+v is %q, want %q", p, got, want)
		}
	}
}
