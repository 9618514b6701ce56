package engine

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/spelling"
)

// Rule is a rule's METADATA.
type Rule struct {
	// ID is the rule's file name without .rego, and its package.
	ID string
	// Title says the good state in one sentence.
	Title string
	// Description is Markdown.
	Description string
	// Fix says what to do, in one sentence; a violation may say it better.
	Fix      string
	Severity fleet.Severity
	// Admission is what an error means to the webhook: "deny" refuses the change also where it is about another object
	// than the one that changes, "warn" never refuses, "never" is a rule that makes sense on files only and "only" one
	// that makes none there. Empty: an error refuses the change of its own object, and warns of others.
	Admission string
	// Waits says what may still mend an error of the rule at admission: WaitsOrder or WaitsRevision. Empty where the
	// object alone is at fault.
	Waits string
	// Subjects are the kinds that the rule judges, as fleet.Subject names them.
	Subjects []string
	// Sources cite lines of source: "karmada v1.18.2 pkg/scheduler/…:123".
	Sources []string
	// Refs are the addresses of further reading.
	Refs []string
	// Doc is the address of the rule's documentation; empty for a rule of the user's own.
	Doc string
}

// What METADATA's custom.admission may say.
const (
	AdmissionDeny  = "deny"
	AdmissionWarn  = "warn"
	AdmissionNever = "never"
	AdmissionOnly  = "only"
)

// What METADATA's custom.waits may say.
const (
	// WaitsOrder: the next object of the same apply may be what is missing, and need not be in Git,
	// so the rule never refuses.
	WaitsOrder = "order"
	// WaitsRevision: the rule reads what else is in Git. It refuses only while there is no newer revision
	// than the one that it reads.
	WaitsRevision = "revision"
)

var (
	idForm      = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	subjectForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(\.[a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$`)
)

// entities are the subjects that are no objects of Kubernetes.
var entities = []string{"Agent", "Cluster", "ControlPlane", "Exception", "File", "Member"}

// coreKinds are the kinds of the core group that can stand in a file. Without the list a misspelt entity would be a
// kind that no fleet has, and its rule would never speak.
var coreKinds = []string{"Binding", "ConfigMap", "Endpoints", "Event", "LimitRange", "List", "Namespace", "Node",
	"PersistentVolume",
	"PersistentVolumeClaim", "Pod", "PodTemplate", "ReplicationController", "ResourceQuota", "Secret", "Service",
	"ServiceAccount"}

// readRule reads a rule's METADATA and holds the rule to its contract.
func readRule(m module) (Rule, error) {
	id := name(m.Package.Path, 2)
	if base := strings.TrimSuffix(path.Base(m.file), ".rego"); base != id {
		return Rule{}, fmt.Errorf("%s: package %s must be rules[%q], like its file", m.Package.Location, m.Package.Path,
			base)
	}
	if !idForm.MatchString(id) {
		return Rule{}, fmt.Errorf("%s: rule id %q must be kebab-case", m.Package.Location, id)
	}
	if err := checkExports(m); err != nil {
		return Rule{}, err
	}
	i := slices.IndexFunc(m.Annotations, func(a *ast.Annotations) bool { return a.Scope == "package" })
	if i < 0 {
		return Rule{}, fmt.Errorf("%s: rule %q has no METADATA above its package", m.Package.Location, id)
	}
	a := m.Annotations[i]
	rule := Rule{ID: id, Title: a.Title, Description: a.Description}
	for _, r := range a.RelatedResources {
		rule.Refs = append(rule.Refs, r.Ref.String())
	}
	if err := rule.readCustom(a.Custom); err != nil {
		return Rule{}, fmt.Errorf("%s: METADATA of rule %q: %w", a.Location, id, err)
	}
	return rule, nil
}

// checkExports sees to it that a misspelt violation is an error and not a rule that never speaks.
func checkExports(m module) error {
	found := false
	for _, r := range m.Rules {
		switch name := string(r.Head.Ref()[0].Value.(ast.Var)); {
		case strings.HasPrefix(name, "_"):
		case name == "violation" && r.Head.RuleKind() == ast.MultiValue && len(r.Head.Ref()) == 1:
			found = true
		default:
			return fmt.Errorf("%s: a rule exports violation, a partial set, and nothing else; call %q %q", r.Location,
				name, "_"+name)
		}
	}
	if !found {
		return fmt.Errorf("%s: a rule must have a partial set called violation", m.Package.Location)
	}
	return nil
}

func (r *Rule) readCustom(custom map[string]any) error {
	if r.Title == "" {
		return fmt.Errorf("title is missing")
	}
	for key, value := range custom {
		var err error
		switch key {
		case "severity":
			err = text((*string)(&r.Severity), value, "error", "warning", "info")
		case "admission":
			err = text(&r.Admission, value, AdmissionDeny, AdmissionWarn, AdmissionNever, AdmissionOnly)
		case "waits":
			err = text(&r.Waits, value, WaitsOrder, WaitsRevision)
		case "fix":
			err = text(&r.Fix, value)
		case "subjects":
			r.Subjects, err = texts(value)
		case "source":
			r.Sources, err = texts(value)
		default:
			err = fmt.Errorf("is none of severity, admission, waits, fix, subjects, source")
		}
		if err != nil {
			return fmt.Errorf("custom.%s %w", key, err)
		}
	}
	if r.Severity == "" {
		return fmt.Errorf("custom.severity is missing")
	}
	if len(r.Subjects) == 0 {
		return fmt.Errorf("custom.subjects is missing")
	}
	for i, s := range r.Subjects {
		if !subjectForm.MatchString(s) || slices.Contains(r.Subjects[:i], s) {
			return fmt.Errorf(`custom.subjects: %q must be "Kind.group", the kind of a core object or an entity, once`,
				s)
		}
		if known := slices.Concat(entities, coreKinds); !strings.Contains(s, ".") && !slices.Contains(known, s) {
			return fmt.Errorf(
				`custom.subjects: %q is neither an entity nor the kind of a core object; another kind is written "Kind.group"%s`,
				s, spelling.DidYouMean(s, known))
		}
	}
	return nil
}

// text reads a string, one of options where there are any.
func text(into *string, value any, options ...string) error {
	s, ok := value.(string)
	if !ok || s == "" {
		return fmt.Errorf("must be text")
	}
	if len(options) > 0 && !slices.Contains(options, s) {
		return fmt.Errorf("must be one of %s", strings.Join(options, ", "))
	}
	*into = s
	return nil
}

func texts(value any) ([]string, error) {
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("must be a list")
	}
	out := make([]string, len(items))
	for i := range items {
		if err := text(&out[i], items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
