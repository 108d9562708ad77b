package parsers

import "testing"

func TestSizesAsPeopleWriteThem(t *testing.T) {
	for _, tc := range []struct {
		text string
		k    float64
		want int64
		ok   bool
	}{
		{"300,243", 1000, 300243, true},
		{"1.300.243", 1000, 1300243, true},
		{"0 B", 1000, 0, true},
		{"518 B", 1000, 518, true},
		{"12 bytes", 1000, 12, true},
		{"1 byte", 1000, 1, true},
		{"22.2MB", 1024, 23278387, true},
		{"22.2MB", 1000, 22200000, true},
		{"3,3 MB", 1000, 3300000, true},
		{"292.972 KiB", 1000, 300003, true},
		{"1.5GiB", 1000, 1610612736, true},
		{"600.66K", 1000, 600660, true},
		{"2T", 1024, 2 << 40, true},
		{"1,234.5 kB", 1000, 1234500, true},
		{"", 1000, 0, false},
		{"MB", 1000, 0, false},
		{"12 parsecs", 1000, 0, false},
		{"12 iB", 1000, 0, false},
		{"-5", 1000, 0, false},
		{"1e9", 1000, 0, false},
		{"0x10", 1000, 0, false},
		{"12 KM", 1000, 0, false},
		{"99999999999 EB", 1000, 0, false},
	} {
		if got, ok := parseSize([]byte(tc.text), tc.k); got != tc.want || ok != tc.ok {
			t.Errorf("%q, K = %v: %d, %v; want %d, %v", tc.text, tc.k, got, ok, tc.want, tc.ok)
		}
	}
}
