"""Values of the board, from what its repr() says of them."""

import ast


def parse(text, expression):
    """The value that `text`, the repr of the board's `expression`, describes.

    Raises ValueError when it describes none.
    """
    try:
        return ast.literal_eval(_Plain().visit(ast.parse(text.strip(), mode="eval")))
    except (SyntaxError, ValueError):
        raise ValueError(f"{expression} is {text} on the board, which is no plain value") from None


class _Plain(ast.NodeTransformer):
    """Writes as literals what repr() does not."""

    def visit_Name(self, node):
        numbers = {"inf": 1e999, "nan": 1e999 - 1e999}
        return ast.Constant(numbers[node.id]) if node.id in numbers else node

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id == "bytearray" and node.args:
            return node.args[0]
        return node
