package main

import "testing"

func TestCSVRunsNothingInASpreadsheet(t *testing.T) {
	for value, want := range map[any]string{
		"alice":             "alice",
		"":                  "",
		"-":                 "-",
		"=cmd|' /C calc'":   "'=cmd|' /C calc'",
		"+1":                "'+1",
		"-1+1":              "'-1+1",
		"@SUM(A1)":          "'@SUM(A1)",
		"\t=1":              "'\t=1",
		float64(-1.5):       "-1.5",
		float64(1700000000): "1700000000",
		true:                "true",
		nil:                 "",
	} {
		if got := csvText(value); got != want {
			t.Errorf("%#v is %q, want %q", value, got, want)
		}
	}
}
