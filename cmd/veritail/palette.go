package main

import (
	"io"
	"os"
)

// colours marks text with the terminal's own 16 colours. NO_COLOR, a pipe and TERM=dumb give plain text.
type colours bool

func palette(w io.Writer) colours {
	return colours(isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb")
}

func (c colours) wrap(code, s string) string {
	if !c {
		return s
	}
	return "\033[" + code + "m" + s + "\033[0m"
}

func (c colours) bold(s string) string   { return c.wrap("1", s) }
func (c colours) dim(s string) string    { return c.wrap("2", s) }
func (c colours) red(s string) string    { return c.wrap("31", s) }
func (c colours) green(s string) string  { return c.wrap("32", s) }
func (c colours) yellow(s string) string { return c.wrap("33", s) }
func (c colours) cyan(s string) string   { return c.wrap("36", s) }
func (c colours) blue(s string) string   { return c.wrap("34", s) }
