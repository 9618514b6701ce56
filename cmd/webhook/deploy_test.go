package main

import (
	"crypto/tls"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/rollcall-dev/rollcall/internal/admission"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

// found are what an expression finds in the files, its first group, sorted and each once.
func found(t *testing.T, expression, root, suffix string) (all []string) {
	t.Helper()
	pattern := regexp.MustCompile(expression)
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, suffix) {
			return err
		}
		text, err := fs.ReadFile(os.DirFS(root), name)
		for _, match := range pattern.FindAllStringSubmatch(string(text), -1) {
			all = append(all, match[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestDeployedFlags holds that what deploy/ starts the program with are flags of it.
func TestDeployedFlags(t *testing.T) {
	flags := (&app{}).command().Flags()
	names := found(t, `--([a-z-]+)=`, "../../deploy", ".yaml")
	if !slices.Contains(names, "cert-secret") || !slices.Contains(names, "source") {
		t.Fatalf("only %q are found", names)
	}
	for _, name := range names {
		if flags.Lookup(name) == nil {
			t.Errorf("there is no --%s", name)
		}
	}
}

// TestMetricsAreDocumented holds that docs/webhook.md lists the metrics that there are, with their labels, and that the
// alerts of deploy/ ask for no others.
func TestMetricsAreDocumented(t *testing.T) {
	m := newMetrics()
	m.count(&answer{outcome: "allow", done: map[string]admission.Decision{"a": "warn"},
		response: &admissionv1.AdmissionResponse{}}, time.Second)
	m.Differ(nil)
	m.registry.MustRegister((&certificate{get: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return nil, nil
	}}).expiry(),
		newFleetMetrics(func() *admission.Snapshot {
			return &admission.Snapshot{Fleet: &fleet.Fleet{}}
		}, func() *serving.Failure { return nil }))
	families, err := prometheus.Gatherers{m.registry}.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names, signatures []string
	for _, family := range families {
		var labels []string
		for _, l := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		signature := family.GetName()
		if len(labels) > 0 {
			signature += "{" + strings.Join(labels, ",") + "}"
		}
		names, signatures = append(names, family.GetName()), append(signatures, signature)
	}
	var documented []string
	for _, signature := range found(t, "\\| `(rollcall_[^`]+)` \\|", "../../docs", "webhook.md") {
		if name, labels, ok := strings.Cut(strings.TrimSuffix(signature, "}"), "{"); ok {
			sorted := strings.Split(labels, ",")
			slices.Sort(sorted)
			signature = name + "{" + strings.Join(sorted, ",") + "}"
		}
		documented = append(documented, signature)
	}
	if !slices.Equal(documented, signatures) {
		t.Errorf("documented are\n%s\nand there are\n%s", strings.Join(documented, "\n"),
			strings.Join(signatures, "\n"))
	}
	for _, name := range found(t, `(rollcall_[a-z_]+)`, "../../deploy/components/monitoring", ".yaml") {
		if !slices.Contains(names, strings.TrimSuffix(name, "_bucket")) {
			t.Errorf("an alert asks for %s", name)
		}
	}
}
