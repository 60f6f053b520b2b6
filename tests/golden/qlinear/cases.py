"""The cases of the int8 operator goldens: each is one node with its inputs, drawn from a fixed seed."""
import numpy as np

RNG = np.random.default_rng(20)
TYPES = {'u8': np.uint8, 's8': np.int8}


def draw(shape, kind):
    info = np.iinfo(TYPES[kind])
    return RNG.integers(info.min, info.max + 1, size=shape).astype(TYPES[kind])


def zero(kind, span=30):
    middle = 128 if kind == 'u8' else 0
    return np.array(middle + RNG.integers(-span, span + 1), TYPES[kind])


def scale(low=0.005, high=0.05, shape=()):
    return RNG.uniform(low, high, size=shape).astype(np.float32)


class Case:
    """`inputs`: arrays, None where absent; `feeds`: which of them are fed, the others are initializers."""

    def __init__(self, what, op, inputs, domain='', attributes=None, feeds=(0,), outputs=1, opset=21):
        self.what, self.op, self.domain, self.inputs = what, op, domain, inputs
        self.attributes, self.feeds, self.outputs = attributes or {}, feeds, outputs
        self.opset = opset


def conv(what, x, w, kinds='u8s8', per_channel=True, bias=True, weight_zero=False, **attributes):
    xk, wk = kinds[:2], kinds[2:]
    m, k = w[0], int(np.prod(w[1:]))
    shape = (m,) if per_channel else ()
    ws = scale(0.002, 0.02, shape)
    wz = np.zeros(shape, TYPES[wk])
    if weight_zero:
        wz = (wz + (128 if wk == 'u8' else 3)).astype(TYPES[wk])
    xs = scale()
    ys = np.float32(float(xs) * float(np.mean(ws)) * 74 * 74 * np.sqrt(k) / 60)
    inputs = [draw(x, xk), xs, zero(xk), draw(w, wk), ws, wz, ys, zero(xk)]
    if bias:
        inputs.append(RNG.integers(-20000, 20000, size=m).astype(np.int32))
    return Case(what, 'QLinearConv', inputs, attributes=attributes)


def conv_cases():
    yield conv('1x1', (2, 24, 3, 5), (17, 24, 1, 1))
    yield conv('3x3 padded', (1, 5, 6, 7), (9, 5, 3, 3), pads=[1, 1, 1, 1])
    yield conv('3x3 stride 2, image', (1, 3, 9, 11), (16, 3, 3, 3), pads=[0, 0, 1, 1], strides=[2, 2])
    yield conv('per tensor, no bias', (1, 8, 5, 5), (8, 8, 3, 3), per_channel=False, bias=False)
    yield conv('dilated', (1, 4, 9, 9), (4, 4, 3, 3), dilations=[2, 2], pads=[2, 2, 2, 2])
    yield conv('groups', (1, 12, 5, 5), (6, 4, 3, 3), group=3, pads=[1, 1, 1, 1])
    yield conv('depthwise', (2, 19, 6, 7), (19, 1, 3, 3), group=19, pads=[1, 1, 1, 1])
    yield conv('depthwise stride 2', (1, 16, 7, 7), (16, 1, 3, 3), group=16, pads=[1, 1, 1, 1], strides=[2, 2])
    yield conv('depthwise 5x5 multiplier 2', (1, 6, 8, 8), (12, 1, 5, 5), group=6, pads=[2, 2, 2, 2])
    yield conv('uint8 weights with zero points', (1, 6, 5, 5), (7, 6, 3, 3), 'u8u8', weight_zero=True)
    yield conv('depthwise, uint8 weights', (1, 18, 5, 5), (18, 1, 3, 3), 'u8u8', weight_zero=True, group=18)
    yield conv('int8 activations', (1, 10, 5, 6), (11, 10, 3, 3), 's8s8', pads=[1, 0, 1, 2])
    yield conv('int8 depthwise', (1, 17, 5, 6), (17, 1, 3, 3), 's8s8', group=17, pads=[1, 1, 1, 1])
    yield conv('rank 3', (2, 7, 21), (8, 7, 5), strides=[2], pads=[2, 2])
    yield conv('rank 5', (1, 3, 4, 5, 4), (5, 3, 2, 3, 3), pads=[0, 1, 1, 1, 1, 1])
    yield conv('SAME_UPPER', (1, 4, 6, 7), (5, 4, 3, 3), auto_pad='SAME_UPPER', strides=[2, 2])
    yield Case('with zero point', 'ConvInteger', [draw((1, 4, 6, 6), 'u8'), draw((5, 4, 3, 3), 'u8'), zero('u8'),
                                                  np.array(120, np.uint8)], attributes={'pads': [1, 1, 1, 1]})


def matmul(what, a, b, kinds='u8s8', columns=False, feeds=(0,)):
    ak, bk = kinds[:2], kinds[2:]
    n, k = b[-1], a[-1]
    bs = scale(0.002, 0.02, (n,) if columns else ())
    bz = np.zeros(bs.shape, TYPES[bk])
    if not columns:
        bz = zero(bk, 5)
    sa = scale()
    ys = np.float32(float(sa) * float(np.mean(bs)) * 74 * 74 * np.sqrt(k) / 60)
    return Case(what, 'QLinearMatMul', [draw(a, ak), sa, zero(ak), draw(b, bk), bs, bz, ys, zero(ak)], feeds=feeds)


def matmul_cases():
    yield matmul('matrix', (5, 33), (33, 18))
    yield matmul('per column', (3, 16), (16, 9), columns=True)
    yield matmul('batched A', (2, 3, 4, 10), (10, 6))
    yield matmul('broadcast batches, B fed', (2, 1, 4, 10), (3, 10, 5), 'u8u8', feeds=(0, 3))
    yield matmul('int8', (4, 20), (20, 17), 's8s8')
    yield Case('zero points', 'MatMulInteger', [draw((4, 12), 'u8'), draw((12, 7), 's8'), zero('u8'), zero('s8', 5)])
    yield Case('no zero points', 'MatMulInteger', [draw((2, 3, 6), 'u8'), draw((2, 6, 5), 'u8')], feeds=(0, 1))


def gemm(what, m, k, n, kinds='u8s8', bias=True, quantized=True, columns=False, **attributes):
    ak, bk = kinds[:2], kinds[2:]
    b_shape = (n, k) if attributes.get('transB') else (k, n)
    a_shape = (k, m) if attributes.get('transA') else (m, k)
    bs = scale(0.002, 0.02, (n,) if columns else ())
    sa = scale()
    c = RNG.integers(-9000, 9000, size=n).astype(np.int32) if bias else None
    inputs = [draw(a_shape, ak), sa, zero(ak), draw(b_shape, bk), bs, np.zeros(bs.shape, TYPES[bk]), c]
    if quantized:
        inputs += [np.float32(float(sa) * float(np.mean(bs)) * 74 * 74 * np.sqrt(k) / 60), zero(ak)]
    return Case(what, 'QGemm', inputs, domain='com.microsoft', attributes=attributes)


def gemm_cases():
    yield gemm('bias', 4, 19, 10)
    yield gemm('transB per column', 3, 32, 20, columns=True, transB=1)
    yield gemm('transA, alpha', 5, 8, 9, transA=1, alpha=0.75)
    yield gemm('float output', 2, 17, 5, quantized=False, columns=True, transB=1)
    yield gemm('no bias, uint8', 3, 9, 17, 'u8u8', bias=False)
    yield gemm('int8', 3, 24, 16, 's8s8', transB=1)


def binary(what, op, kind, a, b):
    sa, sb = scale(), scale()
    sy = np.float32((sa + sb) * 0.8 if op == 'Add' else sa * sb * 80)
    return Case(what, 'QLinear' + op, [draw(a, kind), sa, zero(kind), draw(b, kind), sb, zero(kind), sy, zero(kind)],
                domain='com.microsoft', feeds=(0, 3))


def elementwise_cases():
    for op in ('Add', 'Mul'):
        yield binary('same shape', op, 'u8', (3, 5, 17), (3, 5, 17))
        yield binary('int8', op, 's8', (257,), (257,))
        yield binary('per channel', op, 'u8', (2, 6, 3, 4), (6, 1, 1))
        yield binary('scalar', op, 'u8', (40,), (1,))
        yield binary('both repeat', op, 's8', (4, 1, 5), (3, 1))


def unary_cases():
    for kind in TYPES:
        every = np.arange(256, dtype=np.uint8).view(TYPES[kind])
        yield Case('leaky ' + kind, 'QLinearLeakyRelu', [every, scale(), zero(kind), scale(), zero(kind)],
                   domain='com.microsoft', attributes={'alpha': 0.1})
        yield Case('sigmoid ' + kind, 'QLinearSigmoid',
                   [every, scale(0.03, 0.1), zero(kind), np.float32(1 / 256), np.array(np.iinfo(TYPES[kind]).min, TYPES[kind])],
                   domain='com.microsoft')
        for what, axis in (('softmax', -1), ('softmax axis 1', 1)):
            yield Case(what + ' ' + kind, 'QLinearSoftmax',
                       [draw((3, 4, 10), kind), scale(0.02, 0.1), zero(kind), np.float32(1 / 256),
                        np.array(np.iinfo(TYPES[kind]).min, TYPES[kind])],
                       domain='com.microsoft', attributes={'axis': axis, 'opset': 13})
        yield Case('softmax, coarse scale ' + kind, 'QLinearSoftmax',
                   [draw((2, 9), kind), np.float32(0.03), zero(kind), np.float32(0.0061), np.array(4, TYPES[kind])],
                   domain='com.microsoft', attributes={'axis': 1, 'opset': 11})


def concat_cases():
    for kind, axis in (('u8', 1), ('s8', 2), ('u8', -1)):
        ys, yz = scale(), zero(kind)
        shapes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
        shapes[1][axis] = 2
        parts = [draw(shapes[0], kind), ys, yz, draw(shapes[1], kind), scale(), zero(kind),
                 draw(shapes[2], kind), scale(), zero(kind)]
        yield Case(f'{kind} axis {axis}', 'QLinearConcat', [ys, yz] + parts, domain='com.microsoft',
                   attributes={'axis': axis}, feeds=(2, 5, 8))


def pool_cases():
    def average(what, x, kind='u8', **attributes):
        return Case(what, 'QLinearAveragePool', [draw(x, kind), scale(), zero(kind), scale(0.003, 0.03), zero(kind)],
                    domain='com.microsoft', attributes=attributes)
    yield average('2x2', (2, 5, 6, 8), kernel_shape=[2, 2], strides=[2, 2])
    yield average('3x3 padded', (1, 19, 7, 6), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    yield average('padding counts', (1, 6, 7, 6), kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    yield average('ceil', (1, 4, 6, 6), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    yield average('int8', (1, 3, 6, 6), 's8', kernel_shape=[4, 2])
    yield average('rank 3', (1, 3, 15), kernel_shape=[3], strides=[2])
    for kind, x in (('u8', (2, 20, 7, 7)), ('s8', (1, 9, 3, 5)), ('u8', (1, 4, 30))):
        yield Case(f'global {kind}', 'QLinearGlobalAveragePool',
                   [draw(x, kind), scale(), zero(kind), scale(0.0005, 0.003), zero(kind)], domain='com.microsoft')


def edge_cases():
    values = RNG.normal(0, 2, size=(2, 3, 11)).astype(np.float32)
    values[0, 0, :4] = [0.25, -0.25, 0.75, 1e9]
    for kind in TYPES:
        yield Case(kind, 'QuantizeLinear', [values, np.float32(0.5), zero(kind)])
        yield Case(kind + ' per axis', 'QuantizeLinear', [values, scale(0.01, 0.03, (3,)), draw((3,), kind)], attributes={'axis': 1})
        yield Case(kind, 'DequantizeLinear', [draw((2, 3, 11), kind), scale(), zero(kind)])
        yield Case(kind + ' last axis', 'DequantizeLinear', [draw((4, 3), kind), scale(shape=(3,)), draw((3,), kind)], attributes={'axis': -1})
    yield Case('default type', 'QuantizeLinear', [values, np.float32(0.1)])
    yield Case('uint16', 'QuantizeLinear', [values, np.float32(0.0001), np.array(30000, np.uint16)])
    yield Case('int16', 'QuantizeLinear', [values, np.float32(0.0001), np.array(-7, np.int16)])
    yield Case('opset 10', 'QuantizeLinear', [values, np.float32(0.02), np.array(100, np.uint8)], opset=10)
    yield Case('int16', 'DequantizeLinear', [RNG.integers(-32768, 32768, size=20).astype(np.int16), scale()])
    yield Case('int32', 'DequantizeLinear', [RNG.integers(-2**31, 2**31, size=20).astype(np.int32), scale()])
    yield Case('int32 per axis', 'DequantizeLinear', [RNG.integers(-2**20, 2**20, size=(3, 4)).astype(np.int32), scale(shape=(3,))],
               attributes={'axis': 0})
    yield Case('mixed signs', 'DynamicQuantizeLinear', [values[1]], outputs=3)
    yield Case('positive', 'DynamicQuantizeLinear', [np.abs(values[1])], outputs=3)
    yield Case('zeros', 'DynamicQuantizeLinear', [np.zeros((5,), np.float32)], outputs=3)


def dynamic_cases():
    """What dynamically quantized models are made of; the zero point of the input comes with it."""
    def conv_integer(what, x, w, kinds='u8u8', weight_zero=(), **attributes):
        wz = None if weight_zero is None else np.broadcast_to(zero(kinds[2:], 9), weight_zero).copy()
        return Case(what, 'ConvInteger', [draw(x, kinds[:2]), draw(w, kinds[2:]), zero(kinds[:2]), wz],
                    attributes=attributes, feeds=(0, 2))
    yield conv_integer('strides, int8 weight', (1, 3, 8, 9), (6, 3, 3, 3), 'u8s8', strides=[2, 2], pads=[0, 1, 1, 0])
    yield conv_integer('depthwise', (2, 18, 6, 5), (18, 1, 3, 3), group=18, pads=[1, 1, 1, 1])
    yield conv_integer('groups, no weight zero point', (1, 6, 5, 5), (8, 3, 3, 3), weight_zero=None, group=2)
    yield conv_integer('rank 3', (2, 7, 21), (8, 7, 5), strides=[2], pads=[2, 2])

    def matmul_integer(what, a, b, b_zero, kinds='u8u8', feeds=(0, 2)):
        bz = draw(b_zero, kinds[2:])
        return Case(what, 'MatMulInteger', [draw(a, kinds[:2]), draw(b, kinds[2:]), zero(kinds[:2]), bz], feeds=feeds)
    yield matmul_integer('zero point per column', (4, 12), (12, 17), (17,))
    yield matmul_integer('batch, zero point per column', (2, 3, 4, 10), (10, 6), (6,), 'u8s8')
    yield matmul_integer('batch on both sides', (3, 4, 7), (3, 7, 5), ())
    yield matmul_integer('zero points per matrix and column', (3, 4, 7), (3, 7, 5), (3, 1, 5))
    yield matmul_integer('the same, all of it fed', (3, 4, 7), (3, 7, 5), (3, 1, 5), feeds=(0, 1, 2, 3))
    for what, values in (('negative', [-1.5, -2.0, -0.25]), ('constant', [4.5] * 20), ('one number', [-7.25]),
                         ('negative zeros', [-0.0, -0.0]), ('ties', [-1.0, 254.0, 0.5, 1.5, 2.5, -0.5]),
                         ('wide', list(RNG.normal(0, 1e6, size=50)))):
        yield Case(what, 'DynamicQuantizeLinear', [np.array(values, np.float32)], outputs=3)


FAMILIES = {'conv': conv_cases, 'matmul': matmul_cases, 'gemm': gemm_cases, 'elementwise': elementwise_cases,
            'unary': unary_cases, 'concat': concat_cases, 'pool': pool_cases, 'edges': edge_cases,
            'dynamic': dynamic_cases}
