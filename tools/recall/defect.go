package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

// defect is one row of the table: a commit that mended one value in one file.
type defect struct {
	repo, kind, clone string
	broken, fixed     verdict
}

// columns are the table's; what comes after them is not read.
var columns = []string{"repo", "kind", "broken_commit", "fix_commit", "file", "old"}

func readDefects(name string) ([]*defect, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the defects: %w", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var all []*defect
	for i, row := range rows {
		switch {
		case len(row) < len(columns):
			return nil, fmt.Errorf("read %s: row %d has fewer columns than %s", name, i+1, strings.Join(columns, ", "))
		case i == 0 && row[0] == columns[0]:
			continue
		}
		for _, commit := range row[2:4] {
			if !isCommit.MatchString(commit) {
				return nil, fmt.Errorf("read %s: row %d: %q is no commit", name, i+1, commit)
			}
		}
		at := func(commit string) verdict { return verdict{commit: commit, file: row[4], old: row[5]} }
		all = append(all, &defect{repo: row[0], kind: row[1], broken: at(row[2]), fixed: at(row[3])})
	}
	return all, nil
}

var isCommit = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// verdict is what rollcall says of one value in one file at one commit.
type verdict struct {
	commit, file, old string
	// reached: a cluster's Flux reads the file. found: a finding in the file names the value.
	reached, found bool
	// why says what is known of the value where no finding names it.
	why string
}

func (v *verdict) judge(t *tree) {
	file, ok := t.fleet.Files[v.file]
	v.reached = len(file.ReachedBy) > 0
	var others []string
	for _, f := range t.findings {
		if f.Place.File != v.file || f.Severity != fleet.Error && f.Severity != fleet.Warning {
			continue
		}
		if v.isNamedBy(f.Message) {
			v.found, v.why = true, f.Message
			return
		}
		others = append(others, f.Rule+": "+f.Message)
	}
	switch {
	case !ok:
		v.why = "there is no such file"
	case !v.reached:
		v.why = "no cluster reads the file; there are " + strings.Join(t.clusters(), ", ")
	default:
		v.why = strings.Join(slices.Concat(v.unknown(t), others), "; ")
	}
}

// quoted is a value in a message.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// isNamedBy tells whether the message quotes the value: as it is, as the path that it leads to, or with a namespace
// before it. A variable in it stands for anything.
func (v *verdict) isNamedBy(message string) bool {
	forms := []string{clean(v.old), path.Join(path.Dir(v.file), v.old)}
	return slices.ContainsFunc(quoted.FindAllString(message, -1), func(q string) bool {
		name, err := strconv.Unquote(q)
		return err == nil && slices.ContainsFunc(forms, func(form string) bool {
			return pattern(form).MatchString(clean(name))
		})
	})
}

// clean is a path in one form. The table gives values without the quotes around them, or the
// one of a pair that was lost.
func clean(name string) string { return strings.TrimPrefix(path.Clean(strings.Trim(name, `'"`)), "/") }

var variable = regexp.MustCompile(`\\\$\\\{[^}]*\\\}`)

func pattern(form string) *regexp.Regexp {
	return regexp.MustCompile(`^([a-z0-9-]+/)?` + variable.ReplaceAllString(regexp.QuoteMeta(form), ".*") + `$`)
}

// unknown says why rules cannot tell of the file's Kustomizations, and whether the value leads somewhere after all.
func (v *verdict) unknown(t *tree) []string {
	var all []string
	for _, p := range []string{clean(v.old), path.Join(path.Dir(v.file), v.old)} {
		if t.exists(p) {
			all = append(all, p+" exists")
		}
	}
	for _, id := range t.kustomizations() {
		k := t.fleet.Kustomizations[id]
		if k.Origin.File != v.file {
			continue
		}
		said := "path " + string(k.PathState) + ", build " + string(k.Build)
		if k.Suspended {
			said += ", suspended"
		}
		for _, i := range k.Incomplete {
			said += ", " + i.Why
		}
		all = append(all, id+": "+said)
	}
	return all
}
