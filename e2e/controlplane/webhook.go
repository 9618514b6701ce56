package controlplane

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
)

// Webhook is an admission webhook within the test, which allows everything and keeps what it was asked.
type Webhook struct {
	// URL is its address on loopback.
	URL string

	mu   sync.Mutex
	seen []admissionv1.AdmissionRequest
}

// StartWebhook starts a webhook whose certificate is for loopback and for the names.
func (c *ControlPlane) StartWebhook(t testing.TB, names ...string) *Webhook {
	t.Helper()
	w := &Webhook{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(w.review))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{c.ServerCertificate(t, names...)}}
	server.StartTLS()
	t.Cleanup(server.Close)
	w.URL = server.URL
	return w
}

func (w *Webhook) review(out http.ResponseWriter, in *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(in.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(out, "no review", http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	w.seen = append(w.seen, *review.Request)
	w.mu.Unlock()
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	review.Request = nil
	_ = json.NewEncoder(out).Encode(review) // the API server tells of it where it fails
}

// Seen is what the webhook was asked so far.
func (w *Webhook) Seen() []admissionv1.AdmissionRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]admissionv1.AdmissionRequest(nil), w.seen...)
}

// CABundle is the certificate, in PEM, that verifies all servers of the control plane.
func (c *ControlPlane) CABundle() []byte { return c.deployment.authority.pem }

// ServerCertificate is for a server of the test's own on loopback, known by the names too.
func (c *ControlPlane) ServerCertificate(t testing.TB, names ...string) tls.Certificate {
	t.Helper()
	p := c.deployment.authority.server(t, names...)
	certificate, err := tls.X509KeyPair(p.Cert, p.Key)
	must(t, err)
	return certificate
}
