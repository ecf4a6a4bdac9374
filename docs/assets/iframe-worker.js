// The search of a page that was opened from the disk. Browsers start no Worker there, so its script
// runs in a hidden frame, which takes and gives messages as a Worker does.
if (location.protocol === "file:") {
  class IFrameWorker extends EventTarget {
    #frame = document.createElement("iframe")
    #waiting = [] // messages that came before the script did

    constructor(url) {
      super()
      this.#frame.hidden = true
      document.body.append(this.#frame)
      const inside = this.#frame.contentWindow
      inside.document.open() // keeps the window, which a late about:blank would replace
      inside.document.close()
      inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", { data }))
      inside.importScripts = async (...urls) => {
        for (const each of urls) await this.#load(each)
      }
      this.#load(url).then(() => {
        this.#waiting.splice(0).forEach(data => this.#deliver(data))
        this.#waiting = null
      })
    }

    postMessage(data) {
      if (this.#waiting) this.#waiting.push(data)
      else this.#deliver(data)
    }

    terminate() {
      this.#frame.remove()
    }

    #deliver(data) {
      const inside = this.#frame.contentWindow
      inside.dispatchEvent(new inside.MessageEvent("message", { data }))
    }

    #load(url) {
      const script = this.#frame.contentDocument.createElement("script")
      script.src = new URL(url, location.href)
      return new Promise((done, failed) => {
        script.onload = done
        script.onerror = failed
        this.#frame.contentDocument.body.append(script)
      })
    }
  }
  window.IFrameWorker = IFrameWorker
  window.Worker = IFrameWorker
}
