package loader

import (
	"strings"
	"testing"
)

func TestLinesOf(t *testing.T) {
	for value, want := range map[string]lines{
		"":                 oneLine,
		"solo\n":           oneLine,
		"\n  solo\n\n":     oneLine,
		"a,\nb":            oneLine,
		"a\n, b":           oneLine,
		"{\n  \"a\": 1\n}": oneLine,
		"[1,\n2]":          oneLine,
		"\"a\nb\"":         oneLine,
		"a\nb":             manyLines,
		"a: 1\nb: 2\n":     manyLines,
		"a\r\nb\r\n":       manyLines,
		"#!/bin/sh\necho":  manyLines,
		strings.Repeat(strings.Repeat("A", 64)+"\n", 3) + "QQ==\n":              oneLine,
		strings.Repeat("A", 64) + "\n" + strings.Repeat("B", 32) + "\nCC":       manyLines,
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n":        pemLines,
		"-----BEGIN CERTIFICATE-----MIIB-----END CERTIFICATE-----\n":            oneLine,
		"# made by hand\n-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY": pemLines,
	} {
		if got := linesOf(value); got != want {
			t.Errorf("linesOf(%q) = %q, want %q", value, got, want)
		}
	}
}
