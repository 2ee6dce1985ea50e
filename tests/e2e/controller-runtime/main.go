// A manager of controller-runtime against one server, and what it knows as JSON lines on stdout.
//
//	manager SERVER NAME
//
// It leads by a Lease. Two controllers look at the Deployments of mot.dev: one at whole objects, which answers each change of
// the annotation "counter" with the annotation "seen"; one at their metadata alone. A line "dump" on stdin prints both
// caches.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type line struct {
	Event      string            `json:"event"`
	Reconciled int64             `json:"reconciled,omitempty"`
	Objects    []interface{}     `json:"objects,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

var (
	kind = schema.GroupVersionKind{Group: "mot.dev", Version: "v1alpha1", Kind: "Deployment"}
	list = schema.GroupVersionKind{Group: "mot.dev", Version: "v1alpha1", Kind: "DeploymentList"}

	lock       sync.Mutex
	out        = json.NewEncoder(os.Stdout)
	reconciled atomic.Int64
)

func say(text line) {
	lock.Lock()
	defer lock.Unlock()
	if out.Encode(text) != nil {
		os.Exit(1)
	}
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(ctx context.Context, api client.Client, request reconcile.Request) error {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(kind)
	if err := api.Get(ctx, request.NamespacedName, object); err != nil {
		return client.IgnoreNotFound(err)
	}
	notes := object.GetAnnotations()
	if object.GetDeletionTimestamp() != nil || notes["seen"] == notes["counter"] {
		return nil
	}
	before := object.DeepCopy()
	notes["seen"] = notes["counter"]
	object.SetAnnotations(notes)
	return client.IgnoreNotFound(api.Patch(ctx, object, client.MergeFrom(before)))
}

func addControllers(manager ctrl.Manager) {
	whole := &unstructured.Unstructured{}
	whole.SetGroupVersionKind(kind)
	die(ctrl.NewControllerManagedBy(manager).Named("whole").For(whole).Complete(
		reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
			return reconcile.Result{}, answer(ctx, manager.GetClient(), request)
		})))
	partial := &metav1.PartialObjectMetadata{}
	partial.SetGroupVersionKind(kind)
	die(ctrl.NewControllerManagedBy(manager).Named("metadata").For(partial, builder.OnlyMetadata).Complete(
		reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
			reconciled.Add(1)
			return reconcile.Result{}, nil
		})))
}

func dump(ctx context.Context, reader client.Reader) {
	text := line{Event: "dump", Reconciled: reconciled.Load(), Metadata: map[string]string{}}
	whole := &unstructured.UnstructuredList{}
	whole.SetGroupVersionKind(list)
	die(reader.List(ctx, whole))
	for i := range whole.Items {
		text.Objects = append(text.Objects, whole.Items[i].Object)
	}
	partial := &metav1.PartialObjectMetadataList{}
	partial.SetGroupVersionKind(list)
	die(reader.List(ctx, partial))
	for i := range partial.Items {
		text.Metadata[partial.Items[i].Name] = partial.Items[i].ResourceVersion
	}
	say(text)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: manager SERVER NAME")
		os.Exit(2)
	}
	log.SetLogger(logr.Discard())
	lease, renew, retry := 4*time.Second, 3*time.Second, 500*time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	manager, err := ctrl.NewManager(&rest.Config{Host: os.Args[1], QPS: 1000, Burst: 1000, UserAgent: os.Args[2]},
		ctrl.Options{
			LeaderElection:                true,
			LeaderElectionID:              "manager.mot.dev",
			LeaderElectionNamespace:       "default",
			LeaderElectionReleaseOnCancel: true,
			LeaseDuration:                 &lease,
			RenewDeadline:                 &renew,
			RetryPeriod:                   &retry,
			Metrics:                       server.Options{BindAddress: "0"},
		})
	die(err)
	addControllers(manager)
	go func() {
		<-manager.Elected()
		say(line{Event: "leads"})
	}()
	go func() {
		if manager.GetCache().WaitForCacheSync(ctx) {
			say(line{Event: "synced"})
		}
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			dump(ctx, manager.GetClient())
		}
		cancel()
	}()
	// An API server that is away for longer than the lease ends the manager: whoever runs it starts it again.
	if manager.Start(ctx) != nil {
		say(line{Event: "lost"})
		os.Exit(3)
	}
}
