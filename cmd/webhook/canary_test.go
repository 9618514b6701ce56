package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/canary"
	"github.com/rollcall-dev/rollcall/internal/checkout"
	"github.com/rollcall-dev/rollcall/internal/fleet"
	"github.com/rollcall-dev/rollcall/internal/live"
	"github.com/rollcall-dev/rollcall/internal/loader"
	"github.com/rollcall-dev/rollcall/internal/serving"
)

// TestNothingIsShown serves the fleet of testdata with the canaries in it, and asks about each object that they hold:
// neither an answer, the log, /fleet, /metrics nor /readyz shows a value.
func TestNothingIsShown(t *testing.T) {
	archive, err := txtar.ParseFile("../../testdata/canaries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	planted := canary.New("words", 1)
	dir := fleetCopy(t)
	objects := map[string]map[string]any{}
	for _, f := range archive.Files {
		text := planted.Plant(f.Name, string(f.Data))
		name := filepath.Join(dir, "clusters/talos-ottawa/canaries", f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, name, text)
		for i, document := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
			var object map[string]any
			if yaml.Unmarshal([]byte(document), &object) == nil && object["kind"] != nil {
				objects[fmt.Sprint(f.Name, i)] = object
			}
		}
	}
	if len(objects) < 20 {
		t.Fatalf("only %d objects", len(objects))
	}
	r := start(t, "--fleet", dir, "--fleet-interval", "100ms", "--self-signed", "--log-level", "debug")
	shows := func(what, text string) {
		for _, found := range planted.Find(text) {
			t.Errorf("%s shows %s", what, found)
		}
	}
	ask := func(name string, review map[string]any) {
		body, err := json.Marshal(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
			"request": review})
		if err != nil {
			t.Fatal(err)
		}
		code, _, text, err := r.post(karmada, bytes.NewReader(body))
		if err != nil || code != http.StatusOK && code < 400 {
			t.Errorf("%s: %d %v", name, code, err)
		}
		shows("the answer to "+name, string(text))
	}
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		object := objects[name]
		group, version, ok := strings.Cut(fmt.Sprint(object["apiVersion"]), "/")
		if !ok {
			group, version = "", group
		}
		metadata, _ := object["metadata"].(map[string]any)
		review := map[string]any{"uid": "a", "operation": "CREATE", "name": metadata["name"],
			"namespace": metadata["namespace"], "object": object,
			"kind": map[string]any{"group": group, "version": version, "kind": object["kind"]},
			"resource": map[string]any{"group": group, "version": version,
				"resource": strings.ToLower(fmt.Sprint(object["kind"])) + "s"}}
		ask(name, review)
		review["oldObject"], review["operation"] = object, "UPDATE"
		ask(name, review)
		delete(review, "object")
		review["operation"] = "DELETE"
		ask(name, review)
		review["object"] = fmt.Sprint(object)
		ask(name, review)
	}
	for _, body := range []string{"CANARY", `{"kind": "CANARY"}`,
		`{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "a", "operation": "password=CANARY", "object": "CANARY"}}`} {
		_, _, text, err := r.post(karmada+"/CANARY?timeout=CANARY", strings.NewReader(planted.Plant("a body", body)))
		if err != nil {
			t.Error(err)
		}
		shows("the answer to no review", string(text))
	}
	for _, path := range []string{"/fleet", "/metrics", "/readyz?verbose", "/healthz?verbose"} {
		_, text := r.get(path)
		shows(path, text)
	}
	write(t, filepath.Join(dir, ".rollcall.yaml"), planted.Plant(
		"configuration", "members: [CANARY!]\nrules: {x: CANARY}\npassword: CANARY\n\"token=CANARY\": x\n"))
	r.logs.find(t, "the fleet could not be loaded")
	_, text := r.get("/readyz?verbose")
	shows("/readyz", text)
	r.logs.mu.Lock()
	defer r.logs.mu.Unlock()
	lines, err := json.Marshal(r.logs.lines)
	if err != nil {
		t.Fatal(err)
	}
	shows("the log", string(lines))
}

// TestNothingIsShownInEvents has a revision of a source with a canary wherever a value may stand: neither why it does
// not load nor what is found in it shows one in an Event.
func TestNothingIsShownInEvents(t *testing.T) {
	archive, err := txtar.ParseFile("../../testdata/canaries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	planted := canary.New("words", 1)
	recorder := record.NewFakeRecorder(1000)
	c := serving.NewStore(slog.New(slog.DiscardHandler), newMetrics(), "", time.Minute)
	events := &live.Events{Recorder: recorder, Again: time.Hour, Now: time.Now}
	c.OnDrift(events.Report)
	c.SetLive(t.Context(), fleet.Live{})
	load := func(dir string) error {
		fsys, err := loader.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return c.Serve(t.Context(), func(context.Context) (serving.Content, error) {
			return serving.Content{Checkout: checkout.Checkout{FS: fsys, Name: "fleet"}}, nil
		})
	}
	dir := fleetCopy(t)
	for _, f := range archive.Files {
		name := filepath.Join(dir, "clusters/talos-ottawa/canaries", f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, name, planted.Plant(f.Name, string(f.Data)))
	}
	if err := load(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "policy"), 0o755); err != nil {
		t.Fatal(err)
	}
	for place, text := range map[string]string{
		"a member":          "members: [CANARY!]\n",
		"a rule":            "rules: {x: CANARY}\n",
		"a password":        "password: CANARY\n",
		"a key":             "\"token=CANARY\": x\n",
		"no YAML":           "password: CANARY: CANARY\n\t- {",
		"a rule's password": "rulePaths: [policy]\n",
	} {
		write(t, filepath.Join(dir, "policy/own.rego"), planted.Plant(
			place, "package rules[\"own\"]\n\npassword := \"CANARY\" +\n"))
		write(t, filepath.Join(dir, ".rollcall.yaml"), planted.Plant(place, text))
		err := load(dir)
		if err == nil {
			t.Errorf("%s: it loads", place)
			continue
		}
		live.NotLoaded(recorder, live.Source{Kind: "GitRepository", Namespace: "flux-system", Name: "flux-system"},
			"4711", c.Failed(t.Context(), serving.LoadFailure, err))
	}
	var findings int
	for len(recorder.Events) > 0 {
		event := <-recorder.Events
		if strings.Contains(event, live.ReasonFinding) {
			findings++
		}
		for _, found := range planted.Find(event) {
			t.Errorf("an Event shows %s", found)
		}
	}
	if findings == 0 {
		t.Error("no Event is about a member")
	}
}
