package fleet

import "slices"

// Severity says what a finding means for the exit code.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
	Off     Severity = "off"
)

// Rank is greater for what is graver: 0 for Off, 3 for Error.
func (s Severity) Rank() int { return slices.Index([]Severity{Off, Info, Warning, Error}, s) }

// Finding is one thing that is wrong with the fleet, at one place.
type Finding struct {
	Rule     string
	Severity Severity
	// Message is one sentence: what is wrong, with names in quotes; then what would be right. Never a secret value.
	Message string
	// Fix is one sentence: what to do about it.
	Fix string
	// Edits do it, all of them together, where there is one right answer; else there are none.
	Edits []Edit
	// Object is the object or the entity of the fleet that was judged.
	Object ObjectRef
	// Clusters are the Flux clusters in which the same is found at the same place, sorted, where
	// these are several; else nil.
	Clusters []string
	// Field leads from the object to what is wrong: ["spec", "placement", "clusterAffinity", "clusterNames", 2].
	Field Field
	// Place is where to look; its range is filled in by the loader from the origin and the field.
	Place   Place
	Related []Related
	// Softened is the severity that the rule gave it, where the configuration gives it a lesser one.
	Softened Severity
	// Exceptions are those that allow it, in the file of its place; a finding without any is reported.
	Exceptions []Exception
	// Identity is Fleet.Identity, in a report.
	Identity string
}

// Edit is one change to a file in Git: a field and its new value. Nothing else in the file changes.
type Edit struct {
	// Origin is the document, or the object in it.
	Origin Origin
	// Field leads from the origin to the value. Mappings on the way that are not there are made; "-" at its end stands
	// for a further entry after the last one of a list.
	Field Field
	// Value is a string, a bool or an int64.
	Value any
}

// Path leads from the document's root to the value.
func (e Edit) Path() Field { return slices.Concat(e.Origin.Field, e.Field) }

// Refusal is a finding whose edits do harm, or no good, and why.
type Refusal struct {
	Finding Finding
	Why     error
}

// WithFix is the message, and on a line of its own what would be right.
func (f Finding) WithFix() string {
	if f.Fix == "" {
		return f.Message
	}
	return f.Message + "\nfix: " + f.Fix
}

// ObjectRef names what a finding is about.
type ObjectRef struct {
	Cluster   string `json:"cluster"`
	APIServer string `json:"apiServer"`
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Related is another place that a finding speaks of.
type Related struct {
	Message string
	Field   Field
	Place   Place
}

// Place is an origin and, once located, the range of the text there. Lines and columns count from 1, columns in
// Unicode code points; 0 means the file as a whole. The end is exclusive.
type Place struct {
	Origin
	Line, Column, EndLine, EndColumn int
}
