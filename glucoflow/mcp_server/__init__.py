"""The MCP server: what an assistant may ask about one person. It only reads; a token names the person."""
