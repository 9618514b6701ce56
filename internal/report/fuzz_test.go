package report

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// Whatever a file and its names hold, each format keeps its form, nothing steers a terminal, and no line that is shown
// has the Secret's value in it.
func FuzzFormats(f *testing.F) {
	f.Add("a.yaml", "kind: ConfigMap\n---\n", "no member is called \"x\"", 3, 5)
	f.Add("a:b,c%\n::error::.yaml", "a: \"\x1b[31m\"\n", "a\n::warning::b\r%0A", 1, 1)
	f.Add("a/../b.json", "a: |\n", "\xff\u2028\u202e", 4, 12)
	f.Add("é b.toml", "x: &a [*b, 'c", "", 5, 90)
	f.Add(".env", "\t%YAML 9\n...\n? ", "<script>", 2, 1)
	f.Fuzz(func(t *testing.T, file, before, message string, line, column int) {
		defer time.AfterFunc(10*time.Second, func() { panic("it hangs") }).Stop()
		if strings.Contains(file+before+message, planted) || line < 1 || column < 1 {
			return
		}
		content := before + "\nkind: Secret\nstringData:\n  password: " + planted + "\n"
		at := fleet.Place{Origin: fleet.Origin{File: file}, Line: line, Column: column, EndLine: line,
			EndColumn: column + 1}
		r := New(&fleet.Fleet{}, []fleet.Finding{{Rule: "file-parses", Severity: fleet.Warning, Message: message,
			Fix: message, Place: at,
			Object: fleet.ObjectRef{Kind: "File", Name: file}, Field: []any{message, 1},
			Related: []fleet.Related{{Message: message, Place: at}}}},
			[]Rule{{ID: "file-parses", Title: "A file parses"}})
		r.RootDir, r.WorkDir, r.Root = "/work/fleet", "/work", "fleet"
		fsys := fstest.MapFS{file: {Data: []byte(content)}}

		shown := map[string]string{
			"text": written(t, func(w io.Writer) error {
				return r.Text(w, fsys, TextOptions{Infos: true, Width: 40})
			}),
			"oneline": written(t, r.Oneline),
			"github":  written(t, r.GitHub),
			"json":    written(t, r.JSON),
			"sarif":   written(t, r.SARIF),
		}
		for format, out := range shown {
			if strings.Contains(out, planted) {
				t.Errorf("%s shows the value:\n%s", format, out)
			}
			if !utf8.ValidString(out) {
				t.Errorf("%s is no UTF-8: %q", format, out)
			}
		}
		for _, format := range []string{"text", "oneline"} {
			if i := strings.IndexFunc(shown[format], func(r rune) bool {
				return r != '\n' && !unicode.IsPrint(r)
			}); i >= 0 {
				t.Errorf("%s steers the terminal: %q", format, shown[format][i:])
			}
		}
		for _, format := range []string{"oneline", "github"} {
			if strings.Count(shown[format], "\n") != 1 || strings.Contains(shown[format], "\r") {
				t.Errorf("%s is not one line: %q", format, shown[format])
			}
		}
		var parsed jsonReport
		if err := json.Unmarshal([]byte(shown["json"]), &parsed); err != nil ||
			utf8.ValidString(message) && parsed.Findings[0].Message != message {
			t.Errorf("%v in\n%s", err, shown["json"])
		}
		if log, err := sarif.FromString(shown["sarif"], sarif.WithStrictValidation()); err != nil {
			t.Errorf("%v in\n%s", err, shown["sarif"])
		} else if err := log.Validate(); err != nil {
			t.Errorf("%v in\n%s", err, shown["sarif"])
		}
	})
}
