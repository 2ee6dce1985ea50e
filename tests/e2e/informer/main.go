// Watches one resource the way controllers do, and says what it sees as JSON lines on stdout.
//
//	informer SERVER GROUP/VERSION/RESOURCE informer    a shared informer; a line "dump" on stdin prints its store
//	informer SERVER GROUP/VERSION/RESOURCE retry RV    a RetryWatcher that begins after RV
//
// It is built with an old and with a current client-go: one source, two modules.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

type line struct {
	Event           string      `json:"event"`
	Name            string      `json:"name,omitempty"`
	UID             string      `json:"uid,omitempty"`
	ResourceVersion string      `json:"resourceVersion,omitempty"`
	Old             string      `json:"old,omitempty"`
	Counter         string      `json:"counter,omitempty"`
	Store           interface{} `json:"store,omitempty"`
}

var (
	lock sync.Mutex
	out  = json.NewEncoder(os.Stdout)
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

func describe(event string, object interface{}) line {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
		event += " unknown"
	}
	meta, ok := object.(metav1.Object)
	if !ok {
		return line{Event: fmt.Sprintf("%s %T", event, object)}
	}
	return line{Event: event, Name: meta.GetNamespace() + "/" + meta.GetName(), UID: string(meta.GetUID()),
		ResourceVersion: meta.GetResourceVersion(), Counter: meta.GetAnnotations()["counter"]}
}

func dump(store cache.Store) {
	objects := []interface{}{}
	for _, object := range store.List() {
		objects = append(objects, object.(*unstructured.Unstructured).Object)
	}
	say(line{Event: "dump", Store: objects})
}

func runInformer(client dynamic.Interface, resource schema.GroupVersionResource) {
	factory := dynamicinformer.NewDynamicSharedInformerFactory(client, 0)
	informer := factory.ForResource(resource).Informer()
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object interface{}) { say(describe("add", object)) },
		DeleteFunc: func(object interface{}) { say(describe("delete", object)) },
		UpdateFunc: func(before, object interface{}) {
			text := describe("update", object)
			text.Old = before.(metav1.Object).GetResourceVersion()
			say(text)
		},
	})
	stop := make(chan struct{})
	factory.Start(stop)
	if !cache.WaitForCacheSync(stop, informer.HasSynced) {
		os.Exit(1)
	}
	say(line{Event: "synced"})
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		dump(informer.GetStore())
	}
	close(stop)
}

func runRetry(client dynamic.Interface, resource schema.GroupVersionResource, revision string) {
	source := &cache.ListWatch{WatchFunc: func(options metav1.ListOptions) (watch.Interface, error) {
		return client.Resource(resource).Watch(context.Background(), options)
	}}
	watcher, err := watchtools.NewRetryWatcher(revision, source)
	die(err)
	say(line{Event: "synced"})
	go func() {
		input := bufio.NewScanner(os.Stdin)
		for input.Scan() {
		}
		watcher.Stop()
	}()
	for event := range watcher.ResultChan() {
		say(describe(strings.ToLower(string(event.Type)), event.Object))
	}
	say(line{Event: "end"})
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: informer SERVER GROUP/VERSION/RESOURCE informer | retry RV")
		os.Exit(2)
	}
	client, err := dynamic.NewForConfig(&rest.Config{Host: os.Args[1], QPS: 1000, Burst: 1000})
	die(err)
	parts := strings.Split(os.Args[2], "/")
	resource := schema.GroupVersionResource{Group: parts[0], Version: parts[1], Resource: parts[2]}
	if os.Args[3] == "retry" {
		runRetry(client, resource, os.Args[4])
	} else {
		runInformer(client, resource)
	}
}
