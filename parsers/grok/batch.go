package grok

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxQuestion bounds a line of Batch's input, in bytes.
const maxQuestion = 16 << 20

// maxCompiled is how many matchers Batch keeps at a time.
const maxCompiled = 500

type question struct {
	Expr  string `json:"expr"`
	Mode  string `json:"mode"`
	Input string `json:"input"`
}

type answer struct {
	Match  bool   `json:"match"`
	Fields any    `json:"fields,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Batch reads questions from in, one JSON object a line: {"expr":…,"mode":…,"input":…}, mode being a naming, and writes an
// answer to each, in their order: {"match":true,"fields":{…}}, fields being what Fields returns, or {"match":false}. A
// question that cannot be answered gets {"match":false,"error":…}, and the next one is read. Empty lines are no questions.
// Answers are flushed whenever in has nothing ready. An error is one of in or out.
func (l *Library) Batch(in io.Reader, out io.Writer) error {
	r, w := bufio.NewReaderSize(in, 1<<16), bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	b := batch{lib: l, compiled: map[question]Matcher{}}
	for {
		line, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read questions: %w", err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			if err := enc.Encode(b.answer(line)); err != nil {
				return fmt.Errorf("write answers: %w", err)
			}
		}
		if err != nil || r.Buffered() == 0 {
			if ferr := w.Flush(); ferr != nil {
				return fmt.Errorf("write answers: %w", ferr)
			}
		}
		if err != nil {
			return nil
		}
	}
}

// readLine returns the next line. Of one beyond maxQuestion only the beginning is kept, which is no JSON.
func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line) <= maxQuestion {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

type batch struct {
	lib      *Library
	compiled map[question]Matcher // by Expr and Mode
	slots    []int32
}

func (b *batch) answer(line []byte) answer {
	if len(line) > maxQuestion {
		return answer{Error: fmt.Sprintf("the question is longer than %d bytes", maxQuestion)}
	}
	var q question
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{Error: err.Error()}
	}
	m, err := b.matcher(question{Expr: q.Expr, Mode: q.Mode})
	if err != nil {
		return answer{Error: err.Error()}
	}
	if n := 2 * len(m.Captures()); len(b.slots) < n {
		b.slots = make([]int32, n)
	}
	input := []byte(q.Input)
	if !m.Match(input, b.slots) {
		return answer{}
	}
	return answer{Match: true, Fields: Fields(m.Captures(), input, b.slots)}
}

// matcher returns the matcher of an expression in a mode, made when it is first asked for.
func (b *batch) matcher(key question) (Matcher, error) {
	if m, ok := b.compiled[key]; ok {
		return m, nil
	}
	naming, err := ParseNaming(key.Mode)
	if err != nil {
		return nil, fmt.Errorf("mode: %w", err)
	}
	m, err := b.lib.In(naming).Compile(key.Expr)
	if err != nil {
		return nil, err
	}
	if len(b.compiled) == maxCompiled {
		clear(b.compiled)
	}
	b.compiled[key] = m
	return m, nil
}
