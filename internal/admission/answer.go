package admission

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/internal/config"
	"github.com/rollcall-dev/rollcall/internal/engine"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/secret"
)

// What an API server, and its client, take of warnings:
// https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response.
const (
	maxWarnings = 10
	maxWarning  = 256 // in characters
)

// maxDenied is how many findings a denial tells: a build may fail for hundreds of objects.
const maxDenied = 20

// maxAudit bounds an audit annotation, in bytes.
const maxAudit = 4096

// answer makes the response of what a change introduces.
func (r *Reviewer) answer(s *Snapshot, req *admissionv1.AdmissionRequest, change engine.Change,
	found []fleet.Finding) *Verdict {
	slices.SortStableFunc(found, func(a, b fleet.Finding) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), slices.Compare(names(a), names(b)),
			cmp.Compare(path(a.Field), path(b.Field)), cmp.Compare(a.Message, b.Message))
	})
	v := r.allow(s, req)
	newer := r.newer(s)
	var denied []fleet.Finding
	var warnings, audited []string
	for _, finding := range found {
		own := isOf(finding, change)
		done := r.decide(finding, own, newer != "")
		v.note(finding.Rule, done)
		switch done {
		case Deny:
			denied = append(denied, finding)
			v.Rules = append(v.Rules, finding.Rule)
		case Warn:
			warnings = append(warnings, r.warning(finding, own))
			v.Rules = append(v.Rules, finding.Rule)
		}
		audited = append(audited, finding.Rule+" "+string(finding.Severity)+" "+place(finding, own))
	}
	slices.Sort(v.Rules)
	v.Rules = slices.Compact(v.Rules)
	if len(audited) > 0 {
		v.Response.AuditAnnotations["findings"] = cut(strings.Join(audited, "; "), maxAudit)
	}
	if len(warnings) > 0 {
		if newer != "" {
			warnings = append([]string{cut(fmt.Sprintf(
				"judged by %s; the source has %s, which may mend what is warned of", s.Name(), newer), maxWarning)},
				warnings...)
		}
		v.Decision, v.Response.Warnings = Warn, atMost(warnings)
	}
	if len(denied) > 0 {
		v.Decision, v.Response.Allowed, v.Response.Result = Deny, false, r.refusal(s, req, change, denied)
	}
	v.Response.AuditAnnotations["decision"] = string(v.Decision)
	return v
}

// note notes what was done about a finding of a rule; of several the most counts.
func (v *Verdict) note(rule string, done Decision) {
	if v.Done == nil {
		v.Done = map[string]Decision{}
	}
	if last := v.Done[rule]; done == Deny || last == "" || last == Allow {
		v.Done[rule] = done
	}
}

// allow is a response without findings. Which fleet was judged by stands in each.
func (r *Reviewer) allow(s *Snapshot, req *admissionv1.AdmissionRequest) *Verdict {
	v := &Verdict{Decision: Allow, Response: &admissionv1.AdmissionResponse{
		UID:     req.UID,
		Allowed: true,
		AuditAnnotations: map[string]string{
			"revision": s.Name(),
			"digest":   s.Digest,
			"decision": string(Allow),
		},
	}}
	if newer := r.newer(s); newer != "" {
		v.Response.AuditAnnotations["newer"] = newer
	}
	return v
}

// newer is the revision that the source has, if it is another one than the snapshot's.
func (r *Reviewer) newer(s *Snapshot) string {
	if r.Newest == nil || s.Revision == "" {
		return ""
	}
	newest := r.Newest()
	if newest == s.Revision {
		return ""
	}
	return newest
}

func (r *Reviewer) skip(s *Snapshot, req *admissionv1.AdmissionRequest, why string) *Verdict {
	v := r.allow(s, req)
	v.Decision = Skip
	v.Response.AuditAnnotations["decision"] = string(Skip)
	v.Response.AuditAnnotations["skipped"] = why
	return v
}

// decide is what a finding comes to. An error refuses the change of its own object. Elsewhere it warns, for Flux
// applies in its own order, and a refusal stops a whole Kustomization; a rule's METADATA may say otherwise. What the
// next object of the same apply may mend, or a newer revision that there is, warns. A mode only ever softens.
func (r *Reviewer) decide(finding fleet.Finding, own, newer bool) Decision {
	rule := r.rules[finding.Rule]
	decision := Allow
	switch {
	case finding.Severity == fleet.Error && rule.Admission != engine.AdmissionWarn &&
		(own || rule.Admission == engine.AdmissionDeny):
		decision = Deny
		if rule.Waits == engine.WaitsOrder || rule.Waits == engine.WaitsRevision && newer {
			decision = Warn
		}
	case finding.Severity != fleet.Info:
		decision = Warn
	}
	switch r.config.ModeOf(finding.Rule) {
	case config.Audit:
		return Allow
	case config.Warn:
		if decision == Deny {
			return Warn
		}
	}
	return decision
}

// isOf is true where a finding is about the object that changes, or about the agent or control plane that it is.
func isOf(finding fleet.Finding, change engine.Change) bool {
	o := change.Object
	id := fleet.IDOf(o.APIServer, o.Namespace, o.Name)
	switch finding.Object.Kind {
	case "Agent":
		return finding.Object.Group == "" && (finding.Object.Name == id || finding.Object.Name == id+"/"+o.Kind)
	case "ControlPlane":
		return finding.Object.Group == "" && finding.Object.Cluster == o.APIServer &&
			finding.Object.Namespace == o.Namespace && finding.Object.Name == o.Name
	}
	return finding.Object.Group == o.Group && finding.Object.Kind == o.Kind && finding.Object.Name == o.Name &&
		finding.Object.APIServer == o.APIServer && cmp.Or(finding.Object.Namespace, "default") == cmp.Or(
		o.Namespace, "default")
}

// refusal says what is wrong, finding by finding, for people and, in the causes, for programs.
func (r *Reviewer) refusal(s *Snapshot, req *admissionv1.AdmissionRequest, change engine.Change,
	denied []fleet.Finding) *metav1.Status {
	status := &metav1.Status{
		Status: metav1.StatusFailure, Reason: metav1.StatusReasonForbidden, Code: http.StatusForbidden,
		Details: &metav1.StatusDetails{Name: secret.Name(change.Object.Name), Group: secret.Name(req.Kind.Group),
			Kind: secret.Name(req.Kind.Kind)},
	}
	var lines []string
	for _, finding := range denied[:min(len(denied), maxDenied)] {
		own := isOf(finding, change)
		line := fmt.Sprintf("%s: %s [%s]", place(finding, own), finding.Message, finding.Rule)
		if finding.Fix != "" {
			line += "; fix: " + strings.TrimSuffix(finding.Fix, ".")
		}
		if link := r.rules[finding.Rule].Doc; link != "" {
			line += "; see " + link
		}
		lines = append(lines, line)
		cause := metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid,
			Message: finding.Message + " [" + finding.Rule + "]"}
		if own {
			cause.Field = path(finding.Field)
		}
		status.Details.Causes = append(status.Details.Causes, cause)
	}
	if more := len(denied) - maxDenied; more > 0 {
		lines = append(lines, fmt.Sprintf("%d more findings: rollcall lists them", more))
	}
	status.Message = strings.Join(append(lines, "judged by "+s.Name()), "\n")
	return status
}

// warning is one line: API servers and clients cut it off.
func (r *Reviewer) warning(finding fleet.Finding, own bool) string {
	return cut(fmt.Sprintf("[%s] %s: %s", finding.Rule, place(finding, own), finding.Message), maxWarning)
}

// place names the field of the object that changes, or the other object.
func place(finding fleet.Finding, own bool) string {
	if own {
		return cmp.Or(path(finding.Field), "the object")
	}
	return strings.Join(names(finding), " ")
}

func names(finding fleet.Finding) []string {
	name := secret.Name(finding.Object.Name)
	if finding.Object.Namespace != "" {
		name = secret.Name(finding.Object.Namespace) + "/" + name
	}
	return []string{secret.Name(finding.Object.Kind), name}
}

// path is a field in the form that Kubernetes gives one: spec.placement.clusterAffinity.clusterNames[2].
func path(field []any) string {
	var b strings.Builder
	for _, step := range field {
		if n, ok := fleet.Index(step); ok {
			fmt.Fprintf(&b, "[%d]", n)
			continue
		}
		name := secret.Name(fmt.Sprint(step))
		switch {
		case strings.ContainsAny(name, "./[] "):
			fmt.Fprintf(&b, "[%s]", name)
		case b.Len() > 0:
			b.WriteString("." + name)
		default:
			b.WriteString(name)
		}
	}
	return b.String()
}

// atMost are so many warnings as clients show, the last of which counts the others.
func atMost(warnings []string) []string {
	if len(warnings) <= maxWarnings {
		return warnings
	}
	return append(warnings[:maxWarnings-1:maxWarnings-1],
		fmt.Sprintf("%d more findings: rollcall lists them", len(warnings)-maxWarnings+1))
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}
