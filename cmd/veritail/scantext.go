package main

import (
	"fmt"
	"io"
)

func (r *scanResult) printText(w io.Writer, report string) error {
	_, err := fmt.Fprintln(w, len(r.findings), "findings", report)
	return err
}
