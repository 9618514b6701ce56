package cli

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeCommands holds the README to what each "$ rollcall …" in it prints.
func TestReadmeCommands(t *testing.T) {
	t.Chdir("../..")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n```text\n\\$ rollcall ([^\n]*)\n(.*?)```\n").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) == 0 {
		t.Error("no command")
	}
	for _, block := range blocks {
		var out bytes.Buffer
		run(append(strings.Fields(block[1]), "--no-cache"), strings.NewReader(""), &out, &out, func(string) string { return "" })
		if got := out.String(); got != block[2] {
			t.Errorf("rollcall %s prints\n%s\nthe README\n%s", block[1], got, block[2])
		}
	}
}

// TestRunbook holds docs/runbook.md to what rollcall prints of testdata/fleet.
func TestRunbook(t *testing.T) {
	t.Chdir("../..")
	want, err := os.ReadFile("docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	run(strings.Fields("failover --root testdata/fleet -o markdown --no-cache"), strings.NewReader(""), &out, &out, func(string) string { return "" })
	if out.String() != string(want) {
		t.Errorf("docs/runbook.md is out of date: rollcall failover --root testdata/fleet -o markdown prints\n%s", out.String())
	}
}

// TestReadme holds README.md to what it shows: the first block of text is what "go run . testdata/seed" prints,
// but for the time that it took.
func TestReadme(t *testing.T) {
	t.Chdir("../..")
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "\n```text\n")
	shown, _, _ = strings.Cut(shown, "```\n")

	var out bytes.Buffer
	noEnv := func(string) string { return "" }
	if code := run([]string{"--no-cache", "testdata/seed"}, strings.NewReader(""), &out, &out, noEnv); code != findings {
		t.Errorf("exit code %d, want %d", code, findings)
	}
	out.WriteString("exit status 1\n") // go run says so

	took := regexp.MustCompile(`in \d+\.\d+s\n`)
	want, got := took.ReplaceAllString(shown, "in 0s\n"), took.ReplaceAllString(out.String(), "in 0s\n")
	if got != want {
		t.Errorf("README.md is out of date: go run . testdata/seed prints\n%s", out.String())
	}
}
