package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ErrNoBrowser is why no PDF can be made: no Chromium is there to print one.
var ErrNoBrowser = errors.New("no Chromium is installed that could print a PDF")

// browsers are the programs that print, the first one that there is.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"}

// printTime is how long the printing of one document may take.
const printTime = 60 * time.Second

// WritePDF prints the page that WriteHTML writes with a headless Chromium, which has a profile directory of its own that is
// removed after. It loads nothing: the page refers to nothing. The error is ErrNoBrowser where there is none; WriteHTML
// then writes what any browser prints the same.
func (d *Document) WritePDF(ctx context.Context, w io.Writer) (err error) {
	program := browser()
	if program == "" {
		return ErrNoBrowser
	}
	dir, err := os.MkdirTemp("", "veritail-pdf-*")
	if err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var page bytes.Buffer
	if err := d.WriteHTML(&page); err != nil {
		return err
	}
	in, out := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
	if err := os.WriteFile(in, page.Bytes(), 0o600); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, printTime)
	defer cancel()
	args := []string{
		"--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-sync",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--no-pdf-header-footer", "--print-to-pdf=" + out,
	}
	if os.Getuid() == 0 { // Chromium's sandbox does not work for root
		args = append(args, "--no-sandbox")
	}
	cmd := exec.CommandContext(ctx, program, append(args, "file://"+in)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.WaitDelay = 5 * time.Second
	endWhole(cmd)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("print report with %s: %w: %.300s", program, errors.Join(err, ctx.Err()), lastLine(said.Bytes()))
	}
	printed, err := os.ReadFile(out)
	if err != nil {
		return fmt.Errorf("print report with %s: it wrote none: %.300s", program, lastLine(said.Bytes()))
	}
	if _, err := w.Write(printed); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// browser returns the program that prints, "" where there is none.
func browser() string {
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func lastLine(said []byte) []byte {
	said = bytes.TrimSpace(said)
	return said[bytes.LastIndexByte(said, '\n')+1:]
}
