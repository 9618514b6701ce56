package main

import (
	"bytes"
	"os"
	"testing"
)

// The documents are those that go generate ./... would make now.
func TestFresh(t *testing.T) {
	t.Chdir("../..")
	documents, err := generate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range documents {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not fresh (%v): run go generate ./...", name, err)
		}
	}
}

func TestExcerpt(t *testing.T) {
	var text []byte
	for range 40 {
		text = append(text, "a: b\n"...)
	}
	if got, want := excerpt(string(text), []int{1, 40}),
		"# …\n"; len(got) != 14*len("a: b\n")+len(want) || !bytes.Contains([]byte(got), []byte(want)) {
		t.Errorf("excerpt:\n%s", got)
	}
	if got := excerpt("a: b", nil); got != "a: b\n" {
		t.Errorf("excerpt: %q", got)
	}
}
