package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const karmada = "/validate/talos-ottawa/karmada-system/karmada-kubeconfig"

// TestMain has the libraries log nothing: their logger is one for all runs.
func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// running is the program in process, on ports of its own.
type running struct {
	t       *testing.T
	reviews string
	status  string
	client  *http.Client
	logs    *logs
	// stop is SIGTERM.
	stop context.CancelFunc
	code chan int
}

// logs are the lines that the program has logged.
type logs struct {
	mu    sync.Mutex
	lines []map[string]any
	rest  []byte
	more  chan struct{}
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.rest = rest
		fields := map[string]any{}
		if err := json.Unmarshal(line, &fields); err != nil {
			fields = map[string]any{"msg": string(line)}
		}
		l.lines = append(l.lines, fields)
		close(l.more)
		l.more = make(chan struct{})
	}
}

// find waits for a line with a message.
func (l *logs) find(t *testing.T, message string) map[string]any {
	t.Helper()
	late := time.After(2 * time.Minute)
	for {
		l.mu.Lock()
		for _, line := range l.lines {
			if line["msg"] == message {
				l.mu.Unlock()
				return line
			}
		}
		all, more := l.lines, l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-late:
			t.Fatalf("no line %q in %v", message, all)
		}
	}
}

// start runs the program until the test ends, and waits until it is ready.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := launch(t, args...)
	r.await("it is ready", func() bool {
		code, _ := r.get("/readyz")
		return code == http.StatusOK
	})
	return r
}

// launch runs the program until the test ends.
func launch(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{t: t, logs: &logs{more: make(chan struct{})}, code: make(chan int, 1),
		client: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 25}}}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	a := &app{stdout: io.Discard, stderr: r.logs}
	args = append([]string{"--listen", "127.0.0.1:0", "--status-listen", "127.0.0.1:0", "--shutdown-delay", "0s",
		"--log-level", "debug"}, args...)
	go func() { r.code <- a.run(ctx, args) }()
	t.Cleanup(func() {
		stop()
		r.client.CloseIdleConnections()
		if code, ok := <-r.code; ok && code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	serving := r.logs.find(t, "serving")
	r.reviews, r.status = fmt.Sprint("https://", serving["reviews"]), fmt.Sprint("http://", serving["status"])
	return r
}

// ended waits for the end, which start's cleanup then does not expect again.
func (r *running) ended() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		close(r.code)
		return code
	case <-time.After(time.Minute):
		r.t.Fatal("the program does not end")
		return 0
	}
}

func (r *running) await(what string, holds func() bool) {
	r.t.Helper()
	for late := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(late) {
			r.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	answer, err := http.Get(r.status + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// post sends a body as an API server does, and gives the answer's code, header and body.
func (r *running) post(path string, body io.Reader) (int, http.Header, []byte, error) {
	answer, err := r.client.Post(r.reviews+path, "application/json", body)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, text, err
}

// ask sends a review of testdata and gives the response, which must be one.
func (r *running) ask(path, review string) *admissionv1.AdmissionResponse {
	r.t.Helper()
	code, _, text, err := r.post(path, bytes.NewReader(testdata(r.t, review)))
	if err != nil || code != http.StatusOK {
		r.t.Fatalf("%s: %d %s %v", review, code, text, err)
	}
	return response(r.t, text)
}

// response is the response in an answer that must be a review.
func response(t *testing.T, text []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(text, &review); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if review.APIVersion != "admission.k8s.io/v1" || review.Kind != "AdmissionReview" || review.Request != nil ||
		review.Response == nil {
		t.Fatalf("not a review with a response: %s", text)
	}
	return review.Response
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestServe runs the program on the fleet that is done right.
func TestServe(t *testing.T) {
	r := start(t, "--fleet", "../../testdata/fleet", "--self-signed")

	t.Run("allow", func(t *testing.T) {
		got := r.ask(karmada+"?timeout=30s", "labelled-policy.json")
		if !got.Allowed || got.UID != "9d2f0c5e-17a1-4f0e-8a55-2f4b0a5c9e10" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("deny", func(t *testing.T) {
		got := r.ask(karmada+"?timeout=30s", "seed-policy.json")
		if got.Allowed || got.UID != "705ab4f5-6393-11e8-b7cc-42010a800002" || got.Result == nil ||
			!strings.Contains(got.Result.Message, "weights-encode-order") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("an API server that is none", func(t *testing.T) {
		code, _, text, err := r.post("/validate/nowhere", bytes.NewReader(testdata(t, "seed-policy.json")))
		want := `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",` +
			`"message":"the fleet has no API server \"nowhere\"; it has \"talos-ottawa\", \"talos-ottawa/karmada-system/karmada-kubeconfig\", ` +
			`\"talos-robbinsdale\", \"talos-stpetersburg\"","reason":"NotFound",` +
			`"details":{"uid":"705ab4f5-6393-11e8-b7cc-42010a800002"},"code":404}` + "\n"
		if code != http.StatusNotFound || string(text) != want || err != nil {
			t.Errorf("%d %s %v", code, text, err)
		}
	})
	t.Run("fleet", func(t *testing.T) {
		code, text := r.get("/fleet")
		var got summary
		if err := json.Unmarshal([]byte(text), &got); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s %v", code, text, err)
		}
		if strings.Join(got.Members, " ") != "ottawa robbinsdale stpetersburg" || got.Counts["clusters"] != 3 ||
			!strings.HasPrefix(got.Digest, "sha256:") || got.Loaded.IsZero() {
			t.Errorf("%+v", got)
		}
	})
	t.Run("metrics", func(t *testing.T) {
		_, text := r.get("/metrics")
		for _, want := range []string{
			`rollcall_admission_requests_total{operation="UPDATE",verdict="deny"} 1`,
			`rollcall_admission_requests_total{operation="UPDATE",verdict="allow"} 1`,
			`rollcall_admission_findings_total{action="deny",rule="weights-encode-order"} 1`,
			`rollcall_admission_duration_seconds_count{verdict="deny"} 1`,
			`rollcall_fleet_size{of="members"} 3`,
			`rollcall_fleet_loads_total{result="failure"} 0`,
			`rollcall_fleet_loads_total{result="success"} 1`,
			`rollcall_fleet_info{digest="sha256:`,
			`rollcall_fleet_loaded_timestamp_seconds 1.`,
			`rollcall_certificate_expiry_timestamp_seconds 1.`,
			`controller_runtime_webhook_requests_total{code="200",webhook="/validate/"} `,
			`go_goroutines `,
		} {
			if !strings.Contains(text, "\n"+want) {
				t.Errorf("no %s", want)
			}
		}
	})
	t.Run("log", func(t *testing.T) {
		line := r.logs.find(t, "review")
		for _, field := range []string{"verdict", "uid", "operation", "kind", "namespace", "name", "duration"} {
			if line[field] == nil {
				t.Errorf("no %s in %v", field, line)
			}
		}
		text := fmt.Sprint(r.logs.lines)
		for _, content := range []string{"staticWeightList", "kubernetes-admin", "platform"} {
			if strings.Contains(text, content) {
				t.Errorf("%q is logged", content)
			}
		}
	})
	t.Run("only TLS 1.3 and HTTP/1.1", func(t *testing.T) {
		address := strings.TrimPrefix(r.reviews, "https://")
		if _, err := tls.Dial("tcp", address, &tls.Config{
			InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); err == nil {
			t.Error("TLS 1.2 is spoken")
		}
		conn, err := tls.Dial("tcp", address, &tls.Config{
			InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
			t.Errorf("protocol %q", got)
		}
	})
}

// TestFlags gives flags that do not go together.
func TestFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "there is no fleet to judge by: name its folder with --fleet, or its Flux source with --source"},
		{"--fleet .", "reviews come over TLS: give one of --self-signed, --tls-cert with --tls-key, --cert-secret"},
		{"--fleet . --self-signed --cert-secret a/b",
			"reviews come over TLS: give one of --self-signed, --tls-cert with --tls-key, --cert-secret"},
		{"--fleet . --tls-cert a", "--tls-cert and --tls-key go together"},
		{"--fleet . --cert-secret a", "--cert-secret a: not NAMESPACE/NAME"},
		{"--fleet . --cert-secret a/b",
			"--cert-secret needs --cert-dns-name, --webhook-configuration and --kubeconfig"},
		{"--fleet . --cert-secret a/b --cert-dns-name 127.0.0.1 --webhook-configuration c --kubeconfig d",
			"--cert-dns-name 127.0.0.1: an address; the certificate is for names only"},
		{"--fleet . --self-signed --webhook-configuration c",
			"--cert-dns-name and --webhook-configuration are for --cert-secret"},
		{"--fleet . --self-signed --listen 9443", "--listen 9443: not an address"},
		{"--fleet . --self-signed --max-reviews 0", "--max-reviews 0: the least is 1"},
		{"--fleet . --self-signed --max-bodies 1000000", "--max-bodies 1000000: the least is twice --max-body"},
		{"--fleet . --self-signed --log-level loud", "--log-level loud: none of debug, info, warn, error"},
		{"--fleet . --self-signed --log-format xml", "--log-format xml: neither json nor text"},
		{"--fleet . --tls-cert none.crt --tls-key none.key",
			"read the certificate of --tls-cert and --tls-key: no such file or folder"},
		{"--fleet . --self-signed now", `unknown command "now" for "rollcall-webhook"`},
		{"--flet .", "unknown flag: --flet\nrun \"rollcall-webhook --help\" for the flags"},
	} {
		var stderr bytes.Buffer
		a := &app{stdout: io.Discard, stderr: &stderr}
		code := a.run(t.Context(), strings.Fields(c.args))
		if want := "rollcall-webhook: " + c.want + "\n"; code != 1 || stderr.String() != want {
			t.Errorf("%s: %d\n got %s\nwant %s", c.args, code, &stderr, want)
		}
	}
}
