package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
)

const (
	secretPath = "/api/v1/namespaces/rollcall-system/secrets/webhook-cert"
	hooksPath  = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/rollcall"
)

// apiServer is as much of an API server as keeping a Secret and a webhook's configuration takes: objects by path, with
// resource versions, conflicts and watches.
type apiServer struct {
	mu       sync.Mutex
	version  int
	objects  map[string]*unstructured.Unstructured
	watchers map[string][]chan watchEvent // by collection
	asked    []string                     // of Karmada, and leases
}

type watchEvent struct {
	Type   string                     `json:"type"`
	Object *unstructured.Unstructured `json:"object"`
}

// discovery is what the server says that it has.
var discovery = map[string]string{
	"/api":    `{"kind":"APIVersions","versions":["v1"]}`,
	"/api/v1": `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"secrets","kind":"Secret","namespaced":true,"verbs":["get","list","watch","create","update"]}]}`,
	"/apis": `{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"admissionregistration.k8s.io",
		"versions":[{"groupVersion":"admissionregistration.k8s.io/v1","version":"v1"}],
		"preferredVersion":{"groupVersion":"admissionregistration.k8s.io/v1","version":"v1"}}]}`,
	"/apis/admissionregistration.k8s.io/v1": `{"kind":"APIResourceList","groupVersion":"admissionregistration.k8s.io/v1",
		"resources":[{"name":"validatingwebhookconfigurations","kind":"ValidatingWebhookConfiguration","verbs":["get","list","watch","update"]}]}`,
}

// other answers as an API server without Karmada does where the account has no rights but those of deploy/flux: a
// resource that there is not may not be listed, and discovery knows no such group.
func (s *apiServer) other(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.Path)
	s.mu.Unlock()
	code, reason := http.StatusForbidden, "Forbidden"
	if strings.Count(r.URL.Path, "/") == 3 { // /apis/GROUP/VERSION
		code, reason = http.StatusNotFound, "NotFound"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`, reason, code)
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if text, ok := discovery[r.URL.Path]; ok {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, text)
		return
	}
	if strings.Contains(r.URL.Path, "karmada") || strings.Contains(r.URL.Path, "leases") {
		s.other(w, r)
		return
	}
	collection, named := r.URL.Path, r.URL.Path == secretPath || r.URL.Path == hooksPath
	if named {
		collection = path.Dir(collection)
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Query().Get("watch") != "":
		s.watch(w, r, collection)
	case r.Method == http.MethodGet && !named:
		s.list(w, collection)
	case r.Method == http.MethodGet:
		s.mu.Lock()
		defer s.mu.Unlock()
		reply(w, http.StatusOK, s.objects[r.URL.Path])
	default:
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		object, err := readObject(text)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		code := s.put(collection+"/"+object.GetName(), object, r.Method == http.MethodPost)
		reply(w, code, object)
	}
}

// readObject reads JSON or protobuf.
func readObject(text []byte) (*unstructured.Unstructured, error) {
	typed, kind, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return nil, err
	}
	typed.GetObjectKind().SetGroupVersionKind(*kind)
	if text, err = json.Marshal(typed); err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	return object, object.UnmarshalJSON(text)
}

func reply(w http.ResponseWriter, code int, object *unstructured.Unstructured) {
	w.Header().Set("Content-Type", "application/json")
	reasons := map[int]string{http.StatusConflict: "Conflict", http.StatusNotFound: "NotFound"}
	if object == nil {
		code = http.StatusNotFound
	}
	w.WriteHeader(code)
	if code >= 400 {
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d}`, reasons[code],
			code)
		return
	}
	_ = json.NewEncoder(w).Encode(object)
}

// put stores an object, unless another version of it is there than the one that it was made from.
func (s *apiServer) put(name string, object *unstructured.Unstructured, create bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, kind := s.objects[name], "MODIFIED"
	switch {
	case create && old != nil:
		return http.StatusConflict
	case create:
		kind = "ADDED"
	case old == nil:
		return http.StatusNotFound
	case object.GetResourceVersion() != old.GetResourceVersion():
		return http.StatusConflict
	}
	s.version++
	object.SetResourceVersion(strconv.Itoa(s.version))
	s.objects[name] = object.DeepCopy()
	for _, watcher := range s.watchers[path.Dir(name)] {
		watcher <- watchEvent{kind, object.DeepCopy()}
	}
	return http.StatusOK
}

func (s *apiServer) in(collection string) (all []*unstructured.Unstructured) {
	for name, object := range s.objects {
		if path.Dir(name) == collection {
			all = append(all, object.DeepCopy())
		}
	}
	return all
}

func (s *apiServer) list(w http.ResponseWriter, collection string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := map[string]any{"kind": "List", "apiVersion": "v1",
		"metadata": map[string]any{"resourceVersion": strconv.Itoa(s.version)}}
	if strings.HasSuffix(collection, "secrets") {
		list["kind"] = "SecretList"
	} else {
		list["kind"], list["apiVersion"] = "ValidatingWebhookConfigurationList", "admissionregistration.k8s.io/v1"
	}
	list["items"] = s.in(collection)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}

// watch streams what changes, after what is there where the client asks for that:
// https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists.
func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, collection string) {
	events := make(chan watchEvent, 100)
	s.mu.Lock()
	s.watchers[collection] = append(s.watchers[collection], events)
	if r.URL.Query().Get("sendInitialEvents") == "true" {
		end := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{
				"resourceVersion": strconv.Itoa(s.version), "annotations": map[string]any{
					"k8s.io/initial-events-end": "true"}}}}
		if !strings.HasSuffix(collection, "secrets") {
			end.Object["apiVersion"], end.Object["kind"] = "admissionregistration.k8s.io/v1",
				"ValidatingWebhookConfiguration"
		}
		for _, object := range s.in(collection) {
			events <- watchEvent{"ADDED", object}
		}
		events <- watchEvent{"BOOKMARK", end}
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case e := <-events:
			_ = json.NewEncoder(w).Encode(e)
		case <-r.Context().Done():
			return
		}
	}
}

func (s *apiServer) object(name string) *unstructured.Unstructured {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[name].DeepCopy()
}

// TestRotation has the certificate made in a Secret, and made anew under load: clients that trust the caBundle of the
// webhook's configuration, and nobody else, notice nothing.
func TestRotation(t *testing.T) {
	s := &apiServer{objects: map[string]*unstructured.Unstructured{}, watchers: map[string][]chan watchEvent{}}
	hooks := &unstructured.Unstructured{}
	if err := hooks.UnmarshalJSON([]byte(`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration",
		"metadata":{"name":"rollcall"},"webhooks":[{"name":"rollcall.dev","clientConfig":{"url":"https://localhost/validate"}}]}`)); err != nil {
		t.Fatal(err)
	}
	s.put(hooksPath, hooks, true)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close) // once the program has ended, which would watch again
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	write(t, kubeconfig, `{"apiVersion":"v1","kind":"Config","clusters":[{"name":"a","cluster":{"server":"`+server.URL+`"}}],
		"users":[{"name":"a","user":{}}],"contexts":[{"name":"a","context":{"cluster":"a","user":"a"}}],"current-context":"a"}`)

	r := start(t, "--fleet", "../../testdata/fleet", "--kubeconfig", kubeconfig, "--cert-secret",
		"rollcall-system/webhook-cert",
		"--cert-dns-name", "localhost", "--cert-dns-name", "rollcall-webhook.rollcall-system.svc",
		"--webhook-configuration", "rollcall")
	bundle := func() []byte {
		all, _, _ := unstructured.NestedSlice(s.object(hooksPath).Object, "webhooks")
		text, _, _ := unstructured.NestedString(all[0].(map[string]any), "clientConfig", "caBundle")
		pem, _ := base64.StdEncoding.DecodeString(text)
		return pem
	}
	r.await("caBundle is filled in", func() bool { return len(bundle()) > 0 })
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(bundle())
	config := &tls.Config{RootCAs: trusted, ServerName: "rollcall-webhook.rollcall-system.svc"}
	transport := r.client.Transport.(*http.Transport)
	transport.TLSClientConfig, transport.DisableKeepAlives = config, true
	stop := r.load("labelled-policy.json")

	serial := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(r.reviews, "https://"), config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}
	first, authority := serial(), string(bundle())
	secret := s.object(secretPath)
	unstructured.RemoveNestedField(secret.Object, "data", "tls.crt")
	if code := s.put(secretPath, secret, false); code != http.StatusOK {
		t.Fatal(code)
	}
	r.await("another certificate is served", func() bool { return serial() != first })
	if asked := stop(); asked == 0 {
		t.Error("nothing was asked meanwhile")
	}
	if string(bundle()) != authority {
		t.Error("the authority is another one")
	}
	// Where there is no Karmada, nobody writes Events about members.
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) == 0 || slices.ContainsFunc(s.asked, func(path string) bool {
		return strings.Contains(path, "leases")
	}) {
		t.Errorf("asked for %q", s.asked)
	}
}
