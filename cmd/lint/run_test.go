package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestColors(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		noColor  bool
		env      map[string]string
		want     bool
	}{
		{"a terminal", true, false, nil, true},
		{"no terminal", false, false, nil, false},
		{"--no-color", true, true, nil, false},
		{"NO_COLOR", true, false, map[string]string{"NO_COLOR": "1"}, false},
		{"an empty NO_COLOR", true, false, map[string]string{"NO_COLOR": ""}, true},
		{"a terminal without colours", true, false, map[string]string{"TERM": "dumb"}, false},
	} {
		a := &app{
			noColor:    c.noColor,
			getenv:     func(name string) string { return c.env[name] },
			isTerminal: func(io.Writer) bool { return c.terminal },
		}
		if got := a.colors(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestProgress(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		took     time.Duration
		want     string
	}{
		{"no terminal", false, 10 * time.Second, ""},
		{"a short run", true, 900 * time.Millisecond, ""},
		{"a long run", true, 2500 * time.Millisecond, "\r\x1b[Kreading, 1s\r\x1b[Kreading, 2s\r\x1b[K"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var b bytes.Buffer
			p := (&app{stderr: &b, isTerminal: func(io.Writer) bool { return c.terminal }}).startProgress()
			p.say("reading")
			time.Sleep(c.took)
			p.stop()
			p.stop()
			if got := b.String(); got != c.want {
				t.Errorf("%s: %q", c.name, got)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	for name, c := range map[string]struct {
		cause func()
		want  string
	}{
		"text":  {func() { panic("hunter2") }, "rollcall: internal error: string\n"},
		"error": {func() { panic(errors.New("hunter2")) }, "rollcall: internal error: *errors.errorString\n"},
		"runtime error": {func() { _ = []int{}[len(name(t))] },
			"rollcall: internal error: runtime error: index out of range ["},
	} {
		var b bytes.Buffer
		func() {
			defer func() { sayPanic(&b, recover()) }()
			c.cause()
		}()
		got := b.String()
		if !strings.HasPrefix(got, c.want) || strings.Contains(got, "hunter2") ||
			!strings.Contains(got, "please report it") || !strings.Contains(got, "TestPanic") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func name(t *testing.T) string { return t.Name() }
