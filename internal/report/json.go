package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// Schema names the form of the JSON report, a contract with other tools: a field is added within a version, never
// renamed or removed.
const Schema = "rollcall.dev/report/v1"

type jsonReport struct {
	Schema  string    `json:"schema"`
	Root    string    `json:"root"`
	Base    *jsonBase `json:"base,omitempty"`
	Summary Summary   `json:"summary"`
	// Coverage is how much of the tree was followed: an empty list of findings says no more than that.
	Coverage fleet.Coverage `json:"coverage"`
	Findings []jsonFinding  `json:"findings"`
	Resolved []jsonFinding  `json:"resolved,omitempty"`
}

// jsonBase is the revision that the findings are compared with: the summary counts the new ones.
type jsonBase struct {
	Revision string   `json:"revision"`
	Commit   string   `json:"commit"`
	Existing int      `json:"existing"`
	Resolved int      `json:"resolved"`
	Relaxed  []string `json:"relaxed,omitempty"`
}

type jsonFinding struct {
	// State is "new" or "existing" beside a base revision.
	State       string          `json:"state,omitempty"`
	Rule        string          `json:"rule"`
	Severity    fleet.Severity  `json:"severity"`
	Message     string          `json:"message"`
	Fix         string          `json:"fix,omitempty"`
	Edits       []jsonEdit      `json:"edits,omitempty"`
	Doc         string          `json:"doc,omitempty"`
	File        string          `json:"file"`
	Line        int             `json:"line"`
	Column      int             `json:"column"`
	EndLine     int             `json:"endLine"`
	EndColumn   int             `json:"endColumn"`
	Object      fleet.ObjectRef `json:"object"`
	Clusters    []string        `json:"clusters,omitempty"`
	Field       []any           `json:"field"`
	Related     []jsonRelated   `json:"related"`
	Fingerprint string          `json:"fingerprint"`
}

type jsonRelated struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// jsonEdit is a part of the fix: field leads from the root of the file's document to the value.
type jsonEdit struct {
	File     string `json:"file"`
	Document int    `json:"document"`
	Field    []any  `json:"field"`
	Value    any    `json:"value"`
}

// JSON writes the report as one JSON document. Files are relative to the root, with slashes; lines and columns count
// from 1, columns in Unicode code points, 0 means the file as a whole; the end is exclusive. It lists
// up to maxListed findings of a rule; beside a base revision the new ones, and with Base.ShowExisting the others too.
func (r *Report) JSON(w io.Writer) error {
	out := jsonReport{Schema: Schema, Root: r.Root, Summary: r.Summary, Coverage: r.Coverage, Findings: []jsonFinding{}}
	findings, leftOut := atMost(maxListed, r.shownFindings())
	out.Summary.FindingsLeftOut = leftOut
	for _, f := range findings {
		out.Findings = append(out.Findings, r.jsonFinding(f))
	}
	if b := r.Base; b != nil {
		out.Base = &jsonBase{clean(b.Revision), b.Commit, len(b.Existing), len(b.Resolved), b.Relaxed}
		for _, f := range b.Resolved[:min(len(b.Resolved), maxListed)] {
			out.Resolved = append(out.Resolved, r.jsonFinding(stated{Finding: f}))
		}
	}
	return writeJSON(w, "JSON", out, "  ")
}

func writeJSON(w io.Writer, what string, value any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("write the report as %s: %w", what, err)
	}
	return nil
}

func (r *Report) jsonFinding(f stated) jsonFinding {
	finding := jsonFinding{
		State:       f.state,
		Rule:        f.Rule,
		Severity:    f.Severity,
		Message:     f.Message,
		Fix:         f.Fix,
		Doc:         r.rule(f.Rule).Doc,
		File:        f.Place.File,
		Line:        f.Place.Line,
		Column:      f.Place.Column,
		EndLine:     f.Place.EndLine,
		EndColumn:   f.Place.EndColumn,
		Object:      shownObject(f.Object),
		Clusters:    f.Clusters,
		Field:       shownField(f.Field),
		Related:     []jsonRelated{},
		Fingerprint: f.Identity,
	}
	for _, e := range f.Edits {
		finding.Edits = append(finding.Edits, jsonEdit{e.Origin.File, e.Origin.Document, shownField(e.Path()), e.Value})
	}
	for _, other := range f.Related {
		finding.Related = append(finding.Related, jsonRelated{
			other.Place.File, other.Place.Line, other.Place.Column, other.Message})
	}
	return finding
}

// shownField is a field with its keys as a message may quote them.
func shownField(field []any) []any {
	shown := make([]any, len(field))
	for i, step := range field {
		if key, ok := step.(string); ok {
			step = secret.Name(key)
		}
		shown[i] = step
	}
	return shown
}

// shownObject is an object with its names as a message may quote them; a file's name is its path.
func shownObject(o fleet.ObjectRef) fleet.ObjectRef {
	o.Kind, o.Namespace = secret.Name(o.Kind), secret.Name(o.Namespace)
	if o.Kind != "File" {
		o.Name = secret.Name(o.Name)
	}
	return o
}
