-- Rollcall in Neovim: docs/editor.md shows this, and editors/check.sh runs it.
local settings = { name = "rollcall", cmd = { "rollcall", "lsp" }, filetypes = { "yaml" }, root_markers = { ".rollcall.yaml", ".git" } }

if vim.lsp.config then -- 0.11 and newer
  vim.lsp.config("rollcall", settings)
  vim.lsp.enable("rollcall")
else -- 0.8 to 0.10, and 0.7 without vim.lsp.start
  vim.api.nvim_create_autocmd("FileType", {
    pattern = settings.filetypes,
    callback = function(event)
      local found = vim.fs and vim.fs.find(settings.root_markers, { upward = true, path = vim.fs.dirname(event.match) })[1]
      local config = { name = settings.name, cmd = settings.cmd, root_dir = found and vim.fs.dirname(found) or vim.fn.getcwd() }
      if vim.lsp.start then
        vim.lsp.start(config)
      else
        vim.lsp.buf_attach_client(event.buf, vim.lsp.start_client(config))
      end
    end,
  })
end
