package live

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fluxcd/pkg/apis/meta"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/yaml"

	"github.com/rollcall-dev/rollcall/internal/fleet"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

func cluster(t *testing.T, name, ready string) *unstructured.Unstructured {
	return parse(t, fmt.Sprintf(`
apiVersion: cluster.karmada.io/v1alpha1
kind: Cluster
metadata: {name: %s}
spec: {syncMode: Pull}
status: {kubernetesVersion: v1.35.4, conditions: [{type: Ready, status: %q}]}`, name, ready))
}

func fake(objects ...runtime.Object) *dynamicfake.FakeDynamicClient {
	kinds := map[schema.GroupVersionResource]string{}
	for _, r := range fleet.LiveResources() {
		kinds[schema.GroupVersionResource{Group: r.Group, Version: r.Version, Resource: r.Resource}] = r.Kind + "List"
	}
	for _, resource := range sourceResources {
		kinds[schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: resource}] =
			"List"
	}
	return dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, objects...)
}

// next waits for what a channel brings.
func next[T any](t *testing.T, from <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
	}
	return value
}

// nothing waits a while for nothing.
func nothing[T any](t *testing.T, from <-chan T) {
	t.Helper()
	select {
	case value := <-from:
		t.Fatalf("it came: %v", value)
	case <-time.After(200 * time.Millisecond):
	}
}

// members puts the members that are live into a line each.
func members(live fleet.Live) (lines []string) {
	for _, object := range live.Objects {
		line := object.Kind + " " + object.Name
		if member, ok := object.Member(); ok {
			line += " " + member.Ready
		}
		lines = append(lines, line)
	}
	return lines
}

func TestWatcher(t *testing.T) {
	clusters := schema.GroupVersionResource{Group: "cluster.karmada.io", Version: "v1alpha1", Resource: "clusters"}
	client := fake(cluster(t, "ottawa", "True"), parse(t,
		"apiVersion: policy.karmada.io/v1alpha1\nkind: PropagationPolicy\nmetadata: {name: web, namespace: shop}"))
	// A Karmada before 1.14 has no ClusterTaintPolicy.
	client.PrependReactor("list", "clustertaintpolicies", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewNotFound(schema.GroupResource{}, "")
	})
	seen, done := make(chan fleet.Live), make(chan error)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w := Watcher{Client: client, Pause: time.Millisecond, Changed: func(l fleet.Live) {
		select {
		case seen <- l:
		case <-ctx.Done():
		}
	}}
	go func() { done <- w.Run(ctx) }()
	expect := func(what string, want ...string) {
		t.Helper()
		if got := members(next(t, seen)); !slices.Equal(got, want) {
			t.Fatalf("%s: %q, want %q", what, got, want)
		}
	}
	update := func(u *unstructured.Unstructured) {
		t.Helper()
		if _, err := client.Resource(clusters).Update(ctx, u, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	expect("at first", "Cluster ottawa True", "PropagationPolicy web")
	if _, err := client.Resource(clusters).Create(ctx, cluster(t, "far", "True"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	expect("registered by hand", "Cluster far True", "Cluster ottawa True", "PropagationPolicy web")
	same := cluster(t, "far", "True")
	same.SetResourceVersion("77")
	_ = unstructured.SetNestedField(same.Object, int64(3), "status", "nodeSummary", "totalNum")
	update(same)
	nothing(t, seen)
	update(cluster(t, "far", "Unknown"))
	expect("lost", "Cluster far Unknown", "Cluster ottawa True", "PropagationPolicy web")
	if err := client.Resource(clusters).Delete(ctx, "far", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	expect("unjoined", "Cluster ottawa True", "PropagationPolicy web")
	stop()
	if err := next(t, done); err != nil {
		t.Error(err)
	}
}

// TestWatcherOverHTTP speaks to an API server that is away at first, as while Karmada starts.
func TestWatcherOverHTTP(t *testing.T) {
	asked := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		w.Header().Set("Content-Type", "application/json")
		switch {
		case len(asked) == 1:
			http.Error(w, "starting", http.StatusServiceUnavailable)
		case r.URL.Query().Get("sendInitialEvents") != "": // a list in the form of a watch, which older servers refuse
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422}`)
		case r.URL.Query().Get("watch") != "":
			<-r.Context().Done()
		case strings.HasSuffix(r.URL.Path, "/clusters"):
			fmt.Fprint(w, `{"kind":"ClusterList","apiVersion":"cluster.karmada.io/v1alpha1","metadata":{"resourceVersion":"9"},"items":[
				{"kind":"Cluster","apiVersion":"cluster.karmada.io/v1alpha1","metadata":{"name":"ottawa"},"spec":{"syncMode":"Pull"},
				 "status":{"conditions":[{"type":"Ready","status":"False"}]}}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
		}
	}))
	defer server.Close()
	client, err := dynamic.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	seen, failed, done := make(chan fleet.Live, 9), make(chan error, 9), make(chan error)
	w := Watcher{Client: client, Changed: func(l fleet.Live) { seen <- l }, Failed: func(err error) { failed <- err }}
	go func() { done <- w.Run(ctx) }()
	if err := next(t, failed); !strings.HasPrefix(err.Error(), "list clusters: ") {
		t.Errorf("while it is away: %v", err)
	}
	if got := members(next(t, seen)); !slices.Equal(got, []string{"Cluster ottawa False"}) {
		t.Errorf("once it is there: %q", got)
	}
	stop()
	if err := next(t, done); err != nil {
		t.Error(err)
	}
}

func TestParseSource(t *testing.T) {
	for text, want := range map[string]string{
		"gitrepository/flux-system/flux-system": "GitRepository/flux-system/flux-system",
		"OCIRepository/apps/fleet":              "OCIRepository/apps/fleet",
		"bucket/a/b":                            "Bucket/a/b",
		"ExternalArtifact/a/b.c":                "ExternalArtifact/a/b.c",
		"helmrepository/a/b":                    `"helmrepository/a/b": the kind is none of gitrepository, ocirepository, bucket, externalartifact`,
		"gitrepository/a":                       `"gitrepository/a" is not of the form KIND/NAMESPACE/NAME`,
		"gitrepository/a/b/c":                   `"gitrepository/a/b/c" is not of the form KIND/NAMESPACE/NAME`,
		"gitrepository//b":                      `"gitrepository//b": "" is no name of an object`,
		"gitrepository/a/B":                     `"gitrepository/a/B": "B" is no name of an object`,
	} {
		source, err := ParseSource(text)
		got := source.String()
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func repository(t *testing.T, status string) *unstructured.Unstructured {
	return parse(t, `
apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system, uid: "4711"}
status: `+status)
}

func TestFollower(t *testing.T) {
	repositories := schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1",
		Resource: "gitrepositories"}
	client := fake(repository(t,
		`{conditions: [{type: Ready, status: "False", reason: GitOperationFailed, message: "hunter2"}]}`))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	loaded, failed, done := make(chan meta.Artifact, 9), make(chan string, 9), make(chan error)
	broken := map[string]int{"main@sha1:2": 2, "main@sha1:3": 1000} // by revision, how often it fails
	f := Follower{
		Client: client, Source: Source{"GitRepository", "flux-system", "flux-system"}, Retry: time.Millisecond,
		Load: func(_ context.Context, a meta.Artifact) error {
			if broken[a.Revision]--; broken[a.Revision] >= 0 {
				return errors.New("it is broken")
			}
			loaded <- a
			return nil
		},
		Failed: func(uid types.UID, err error) {
			select {
			case failed <- strings.TrimSpace(string(uid) + " " + err.Error()):
			default:
			}
		},
	}
	go func() { done <- f.Run(ctx) }()
	const name = "4711 GitRepository/flux-system/flux-system: "
	expectFailure := func(want string) {
		t.Helper()
		if got := next(t, failed); got != name+want {
			t.Fatalf("%s, want %s", got, name+want)
		}
	}
	artifact := func(n int) meta.Artifact {
		return meta.Artifact{Revision: fmt.Sprint("main@sha1:", n), Digest: fmt.Sprint("sha256:", n),
			URL: "http://source-controller/x.tar.gz"}
	}
	push := func(a meta.Artifact, more string) {
		t.Helper()
		u := repository(t, fmt.Sprintf(
			"{artifact: {revision: %q, digest: %q, url: %q, path: x, lastUpdateTime: 2026-11-24T10:00:00Z}%s}",
			a.Revision, a.Digest, a.URL, more))
		if _, err := client.Resource(repositories).Namespace("flux-system").Update(
			ctx, u, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	expectLoaded := func(want meta.Artifact) {
		t.Helper()
		got := next(t, loaded)
		got.Path, got.LastUpdateTime = "", metav1.Time{}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
	expectFailure("it has no artifact yet: GitOperationFailed")
	push(artifact(1), "")
	expectLoaded(artifact(1))
	push(artifact(1), ", observedGeneration: 2") // reconciled without a change
	nothing(t, loaded)
	push(artifact(2), "")
	expectFailure("load main@sha1:2: it is broken")
	expectFailure("load main@sha1:2: it is broken")
	expectLoaded(artifact(2))
	push(artifact(3), "")
	expectFailure("load main@sha1:3: it is broken")
	push(artifact(4), "")
	expectLoaded(artifact(4))
	for len(failed) > 0 {
		<-failed
	}
	if err := client.Resource(repositories).Namespace("flux-system").Delete(
		ctx, "flux-system", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	expectFailure("it is gone")
	stop()
	if err := next(t, done); err != nil {
		t.Error(err)
	}
}

func TestFollowerWithoutSource(t *testing.T) {
	failed := make(chan string, 9)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f := Follower{Client: fake(), Source: Source{"OCIRepository", "a", "b"}, Retry: time.Millisecond,
		Failed: func(_ types.UID, err error) {
			failed <- err.Error()
		}}
	go func() { _ = f.Run(ctx) }()
	if got := next(t, failed); got != "OCIRepository/a/b: there is none of this name" {
		t.Error(got)
	}
}

func TestEvents(t *testing.T) {
	recorder := record.NewFakeRecorder(99)
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	events := &Events{Recorder: recorder, Again: 50 * time.Minute, Now: func() time.Time { return now }}
	lost := fleet.Finding{Rule: "member-ready", Severity: fleet.Error, Message: `member "far" is not ready`,
		Object: fleet.ObjectRef{Kind: "Member", Name: "far"}}
	note := fleet.Finding{Rule: "x", Severity: fleet.Info, Message: "y",
		Object: fleet.ObjectRef{Group: "cluster.karmada.io", Kind: "Cluster", Name: "far"}}
	policy := fleet.Finding{Rule: "z", Severity: fleet.Error,
		Object: fleet.ObjectRef{Kind: "PropagationPolicy", Name: "far"}}
	expect := func(what string, findings []fleet.Finding, want ...string) {
		t.Helper()
		events.Report(findings)
		var got []string
		for len(recorder.Events) > 0 {
			got = append(got, <-recorder.Events)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	const said = `Warning RollcallFinding member "far" is not ready [member-ready]`
	expect("nothing", nil)
	expect("new", []fleet.Finding{lost, policy, lost, note}, said, "Normal RollcallFinding y [x]")
	expect("the same", []fleet.Finding{lost, note})
	now = now.Add(49 * time.Minute)
	expect("one is gone", []fleet.Finding{lost}, "Normal RollcallFindingGone no more: y [x]")
	now = now.Add(time.Minute)
	expect("it lasts", []fleet.Finding{lost}, said)
	expect("all is well", nil, `Normal RollcallFindingGone no more: member "far" is not ready [member-ready]`)
	expect("it is back", []fleet.Finding{lost}, said)

	NotLoaded(recorder, Source{"GitRepository", "flux-system", "flux-system"}, "4711", "it is broken")
	if got, want := <-recorder.Events, "Warning RollcallNotLoaded it is broken"; got != want {
		t.Errorf("%s, want %s", got, want)
	}

	long := lost
	long.Message = strings.Repeat("é", 1000)
	events.Report([]fleet.Finding{long})
	if got := <-recorder.Events; !strings.HasSuffix(got, "é…") ||
		len(strings.TrimPrefix(got, "Warning RollcallFinding ")) > maxMessage {
		t.Errorf("%d bytes", len(got))
	}
}

// An account that may not list Karmada's kinds cannot tell by that whether they are served: discovery does.
func TestNotAllowedToList(t *testing.T) {
	for name, c := range map[string]struct {
		discovery int
		resources string
		absent    bool
	}{
		"no such group":      {http.StatusNotFound, "", true},
		"no such resource":   {http.StatusOK, `[{"name":"others","kind":"Other"}]`, true},
		"served":             {http.StatusOK, `[{"name":"clusters","kind":"Cluster"}]`, false},
		"its server is away": {http.StatusServiceUnavailable, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				code := http.StatusForbidden
				if strings.Count(r.URL.Path, "/") == 3 { // /apis/GROUP/VERSION
					if code = c.discovery; code == http.StatusOK {
						fmt.Fprintf(w, `{"kind":"APIResourceList","apiVersion":"v1","resources":%s}`, c.resources)
						return
					}
				}
				w.WriteHeader(code)
				reason := map[int]string{403: "Forbidden", 404: "NotFound", 503: "ServiceUnavailable"}[code]
				fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`, reason,
					code)
			}))
			defer server.Close()
			config := &rest.Config{Host: server.URL}
			client, err := dynamic.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			resources, err := discovery.NewDiscoveryClientForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			absent, failed, done := false, make(chan error, 99), make(chan error, 1)
			w := Watcher{Client: client, Resources: resources, Failed: func(err error) {
				failed <- err
			}, Absent: func() { absent = true },
				Begun:   func() { t.Error("it has begun") },
				Changed: func(fleet.Live) { t.Error("something is live") },
			}
			go func() { done <- w.Run(ctx) }()
			if !c.absent {
				if err := next(t, failed); !strings.HasPrefix(err.Error(), "list clusters: ") {
					t.Error(err)
				}
				stop()
			}
			if err := next(t, done); err != nil || absent != c.absent {
				t.Errorf("absent: %t, %v", absent, err)
			}
		})
	}
}
