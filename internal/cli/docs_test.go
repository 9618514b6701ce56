package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"
)

// The commands in the documentation are run:
//
//   - A block of sh is run by sh in a copy of testdata/fleet, a Git repository, and has to end well. "go run . ARGS"
//     alone is run in the module's root, and the block of text after it is its output.
//   - A block of text that begins with "$ rollcall ARGS" is what that prints in the module's root.
//
// A block that cannot be run here says why on the line above it: <!-- not run: it needs a cluster -->.
//
// UPDATE=1 go test ./internal/cli -run TestDocs writes the outputs anew.
func TestDocs(t *testing.T) {
	t.Chdir("../..")
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) < 10 {
		t.Fatal(pages, err)
	}
	repository := fleetRepository(t)
	for _, name := range append(pages, "README.md") {
		if name == filepath.Join("docs", "rules.md") { // made from the rules
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		page := string(data)
		var after string // the output that the next block shows
		updated := fences.ReplaceAllStringFunc(page, func(block string) string {
			m := fences.FindStringSubmatch(block)
			notRun, open, language, text := m[1], m[2], m[3], m[4]
			expected := after
			after = ""
			switch {
			case language == "bash" || language == "shell":
				t.Errorf("%s: the language of a block of commands is sh", name)
			case notRun != "":
			case language == "sh" && strings.HasPrefix(text, "go run . "):
				out, code := printed(strings.Fields(text)[3:])
				if after = out; code != clean {
					after += "exit status 1\n" // go run says so
				}
			case language == "sh":
				runBlock(t, name, repository, text)
			case language == "text" && strings.HasPrefix(text, "$ rollcall "):
				line, _, _ := strings.Cut(text, "\n")
				out, _ := printed(strings.Fields(line)[2:])
				expected = line + "\n" + out
				fallthrough
			case language == "text" && expected != "":
				if elapsed.ReplaceAllString(text, "") != elapsed.ReplaceAllString(expected, "") {
					if os.Getenv("UPDATE") == "" {
						t.Errorf("%s shows\n%s\nand it prints\n%s", name, text, expected)
					}
					return open + language + "\n" + expected + "```\n"
				}
			}
			return block
		})
		if os.Getenv("UPDATE") != "" && updated != page {
			if err := os.WriteFile(name, []byte(updated), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var (
	fences  = regexp.MustCompile("(?ms)(?:^ *<!-- (not run: [^\n]+) -->\n)?(^ *```)([a-z]*)\n(.*?)^ *```\n")
	elapsed = regexp.MustCompile(`, in \d+\.\d+s\n`)
)

// printed is what the program prints to both streams, and its exit code.
func printed(args []string) (string, int) {
	var out bytes.Buffer
	code := run(append(args, "--no-cache"), strings.NewReader(""), &out, &out, func(string) string { return "" })
	return out.String(), code
}

// fleetRepository is a copy of testdata/fleet in a Git repository, on a branch that has left main.
func fleetRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/fleet")); err != nil {
		t.Fatal(err)
	}
	runBlock(t, "the repository", dir, `git init -q -b main
git config user.name x
git config user.email x@example.com
git config commit.gpgsign false
git add .
git commit -q -m fleet
git checkout -q -b change
git commit -q --allow-empty -m change`)
	return dir
}

func runBlock(t *testing.T, name, dir, commands string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-eu")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(commands)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s\nprints\n%s", name, err, commands, out)
	}
}

// A page of the documentation leads to files that are there.
func TestLinks(t *testing.T) {
	t.Chdir("../..")
	pages, _ := filepath.Glob("docs/*.md")
	for _, name := range append(pages, "README.md", "CONTRIBUTING.md", "AGENTS.md") {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`).FindAllStringSubmatch(string(page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s leads to %s: %v", name, m[1], err)
			}
		}
	}
}

// The README is short.
func TestReadmeIsShort(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(string(readme))); n > 900 {
		t.Errorf("README.md has %d words, more than 900", n)
	}
}

// TestFailoverSchema holds what rollcall failover -o json prints to docs/failover.schema.json.
func TestFailoverSchema(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("docs/failover.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	// OPA knows no newer one
	schema := strings.Replace(string(text), "https://json-schema.org/draft/2020-12/schema",
		"http://json-schema.org/draft-07/schema#", 1)
	for _, line := range []string{
		"failover --root testdata/fleet", "failover --root testdata/seed",
		"failover --root testdata/fleet my-app-failover --lose ottawa --recover ottawa --rebalance",
	} {
		got, _ := printed(append(strings.Fields(line), "-o", "json"))
		of := rego.New(rego.Query("x = json.match_schema(input[0], input[1])"), rego.Input([]any{got, schema}))
		result, err := of.Eval(t.Context())
		if err != nil || len(result) != 1 {
			t.Fatal(result, err)
		}
		if answer := result[0].Bindings["x"].([]any); answer[0] != true {
			t.Errorf("%s: %v", line, answer[1])
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
	if got, _ := printed(strings.Fields("failover --root testdata/fleet -o markdown")); got != string(want) {
		t.Errorf("docs/runbook.md is out of date: rollcall failover --root testdata/fleet -o markdown prints\n%s", got)
	}
}
